"""Small traces for tests."""
import random


def write_trace(path, requests=2000, seed=3):
    """A steady load with a burst in its middle."""
    draw = random.Random(seed)
    at, rows = 0.0, ["arrival_ms,input_tokens,output_tokens,session_id"]
    for i in range(requests):
        at += draw.expovariate(1 / (50 if requests // 3 < i < requests // 2 else 400))
        rows.append(f"{int(at)},{draw.randint(50, 2000)},{draw.randint(1, 300)},{draw.randint(1, 40)}")
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
