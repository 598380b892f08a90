// The official clients of the API families against a running sluice whose engines are emulated.
// tests/e2e/test_clients starts both; SLUICE_URL and SLUICE_KEY come from there.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { Ollama } from "ollama";
import OpenAI, { toFile } from "openai";

const url = process.env.SLUICE_URL;
const key = process.env.SLUICE_KEY;
const limitedKey = process.env.SLUICE_LIMITED_KEY;

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 2 });
const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 2 });
const ollama = new Ollama({ host: url, headers: { authorization: `Bearer ${key}` } });

const ask = (text, more = {}) => ({ messages: [{ role: "user", content: text }], max_tokens: 8, ...more });

/** Counts what passes on its way to sluice: how often a client really asked, and what was answered. */
async function counting(work) {
  const seen = [];
  const target = new URL(url);
  const proxy = http.createServer((request, response) => {
    const onward = http.request(
      { host: target.hostname, port: target.port, method: request.method, path: request.url, headers: request.headers },
      (answer) => {
        seen.push({ status: answer.statusCode, headers: answer.headers });
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
        answer.on("error", () => response.destroy());
      },
    );
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy()); // a client that goes away is seen to go
    request.pipe(onward);
  });
  await new Promise((ready) => proxy.listen(0, "127.0.0.1", ready));
  try {
    return await work(`http://127.0.0.1:${proxy.address().port}`, seen);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
}

async function text_of(stream) {
  let text = "";
  for await (const part of stream) text += part.choices[0]?.delta?.content ?? "";
  return text;
}

const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];

test("openai: a plain answer with usage", async () => {
  const answer = await openai.chat.completions.create(ask("hello there", { model: "chat" }));
  assert.equal(answer.choices[0].finish_reason, "length");
  assert.equal(answer.usage.completion_tokens, 8);
  assert.ok(answer.choices[0].message.content.length > 8);
});

test("openai: the request's id and the pool are told in headers", async () => {
  const { response } = await openai.chat.completions
    .create(ask("hello", { model: "chat" }), { headers: { "x-request-id": "mine-1" } })
    .withResponse();
  assert.equal(response.headers.get("x-request-id"), "mine-1");
  assert.equal(response.headers.get("x-sluice-pool"), "chat");
});

test("openai: a stream has the words of the plain answer, and no usage chunk that was not asked for", async () => {
  const headers = { "x-request-id": "same" };
  const plain = await openai.chat.completions.create(ask("hello", { model: "chat" }), { headers });
  const stream = await openai.chat.completions.create(ask("hello", { model: "chat", stream: true }), { headers });
  let text = "";
  for await (const part of stream) {
    assert.equal(part.choices.length, 1);
    assert.ok(part.usage === undefined || part.usage === null);
    text += part.choices[0].delta.content ?? "";
  }
  assert.equal(text, plain.choices[0].message.content);
});

test("openai: usage of a stream comes when asked for", async () => {
  const stream = await openai.chat.completions.create(
    ask("hello", { model: "chat", stream: true, stream_options: { include_usage: true } }),
  );
  let usage;
  for await (const part of stream) usage = part.usage ?? usage;
  assert.equal(usage.completion_tokens, 8);
});

test("openai: completions, embeddings of text, models", async () => {
  const answer = await openai.completions.create({ model: "chat", prompt: "once", max_tokens: 5 });
  assert.equal(answer.usage.completion_tokens, 5);
  const names = [];
  for await (const model of openai.models.list()) names.push(model.id);
  assert.deepEqual(names.filter((n) => n === "chat" || n === "cold").sort(), ["chat", "cold"]);
  assert.equal((await openai.models.retrieve("cold")).id, "cold");
});

test("openai: tools, plain and streamed", async () => {
  const plain = await openai.chat.completions.create(ask("@tool", { model: "chat", tools, max_tokens: 12 }));
  const call = plain.choices[0].message.tool_calls[0];
  assert.equal(call.function.name, "weather");
  assert.equal(typeof JSON.parse(call.function.arguments).text, "string");
  const stream = await openai.chat.completions.create(ask("@tool", { model: "chat", tools, max_tokens: 12, stream: true }));
  let args = "";
  for await (const part of stream) args += part.choices[0]?.delta?.tool_calls?.[0]?.function?.arguments ?? "";
  assert.equal(typeof JSON.parse(args).text, "string");
});

test("openai: leaving a stream cancels it", async () => {
  const stream = await openai.chat.completions.create(ask("long", { model: "chat", stream: true, max_tokens: 4000 }));
  let parts = 0;
  for await (const _ of stream) if (++parts === 3) break;
  stream.controller.abort();
  await eventually(async () => (await in_flight("chat")) === 0);
});

test("openai: a name nobody serves is a 404 with near names, and is not tried again", async () => {
  await counting(async (base, seen) => {
    const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 2 });
    await assert.rejects(client.chat.completions.create(ask("hello", { model: "chatt" })), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      assert.match(error.message, /chat/);
      return true;
    });
    assert.equal(seen.length, 1);
  });
});

test("openai: a wrong key is a 401 in its own shape", async () => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(client.chat.completions.create(ask("hello", { model: "chat" })), OpenAI.AuthenticationError);
});

test("openai: a cold start is waited for, plain and streamed", async () => {
  const [plain, streamed] = await Promise.all([
    openai.chat.completions.create(ask("cold", { model: "cold" }), { headers: { "x-request-id": "cold" } }),
    openai.chat.completions
      .create(ask("cold", { model: "cold", stream: true }), { headers: { "x-request-id": "cold" } })
      .then(text_of),
  ]);
  assert.equal(streamed, plain.choices[0].message.content);
});

test("openai: a cut stream is an error, never a short answer", async () => {
  const stream = await openai.chat.completions.create(ask("cut", { model: "cut", stream: true, max_tokens: 40 }));
  await assert.rejects(text_of(stream), (error) => /replica_failed|replica|terminated/.test(`${error.code} ${error.message}`));
});

test("openai: a 429 for its share is retried after the time it says", async () => {
  await counting(async (base, seen) => {
    const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: limitedKey, maxRetries: 5 });
    const first = await client.chat.completions.create(ask("one", { model: "chat", stream: true, max_tokens: 8000 }));
    const second = client.chat.completions.create(ask("two", { model: "chat" }));
    await eventually(async () => seen.some((answer) => answer.status === 429));
    first.controller.abort();
    assert.equal((await second).usage.completion_tokens, 8);
    const refused = seen.filter((answer) => answer.status === 429);
    assert.ok(refused.length >= 1, JSON.stringify(seen.map((s) => s.status)));
    assert.ok(Number(refused[0].headers["retry-after"]) >= 1 && Number(refused[0].headers["retry-after"]) <= 60);
  });
});

test("openai: a 503 for capacity is retried", async () => {
  await counting(async (base, seen) => {
    const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 5 });
    const first = await client.chat.completions.create(ask("one", { model: "narrow", stream: true, max_tokens: 8000 }));
    const second = client.chat.completions.create(ask("two", { model: "narrow" }));
    await eventually(async () => seen.some((answer) => answer.status === 503 && answer.headers["retry-after"]));
    first.controller.abort();
    assert.equal((await second).usage.completion_tokens, 8);
  });
});

test("openai: a form with a file finds its pool by the field model", async () => {
  await assert.rejects(
    openai.audio.transcriptions.create({ model: "nobody", file: await toFile(Buffer.from("RIFF"), "a.wav") }),
    OpenAI.NotFoundError,
  );
});

test("anthropic: plain, streamed, tools", async () => {
  const headers = { "x-request-id": "claude" };
  const plain = await anthropic.messages.create(ask("hello", { model: "chat" }), { headers });
  assert.equal(plain.usage.output_tokens, 8);
  const stream = anthropic.messages.stream(ask("hello", { model: "chat" }), { headers });
  assert.equal(await stream.finalText(), plain.content[0].text);
  const called = await anthropic.messages.create(
    ask("@tool", { model: "chat", max_tokens: 12, tools: [{ name: "weather", input_schema: { type: "object" } }] }),
  );
  assert.equal(called.content.find((part) => part.type === "tool_use").name, "weather");
});

test("anthropic: a cold start is waited for", async () => {
  const stream = anthropic.messages.stream(ask("cold", { model: "cold-too" }));
  assert.ok((await stream.finalText()).length > 8);
});

test("anthropic: errors have its shape: unknown model, wrong key, capacity 529 retried", async () => {
  await assert.rejects(anthropic.messages.create(ask("hello", { model: "claude-unknown" })), Anthropic.NotFoundError);
  const wrong = new Anthropic({ baseURL: url, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(wrong.messages.create(ask("hello", { model: "chat" })), Anthropic.AuthenticationError);
  await counting(async (base, seen) => {
    const client = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 5 });
    const first = client.messages.stream(ask("one", { model: "narrow", max_tokens: 8000 }));
    await eventually(async () => seen.some((answer) => answer.status === 200));
    const second = client.messages.create(ask("two", { model: "narrow" }));
    await eventually(async () => seen.some((answer) => answer.status === 529));
    first.abort();
    await assert.rejects(first.finalText());
    assert.equal((await second).usage.output_tokens, 8);
  });
});

test("anthropic: a cut stream is an error", async () => {
  const stream = anthropic.messages.stream(ask("cut", { model: "cut", max_tokens: 40 }), { maxRetries: 0 });
  await assert.rejects(stream.finalText());
});

test("anthropic: leaving a stream cancels it", async () => {
  const stream = anthropic.messages.stream(ask("long", { model: "chat", max_tokens: 4000 }));
  await new Promise((some) => stream.on("text", some));
  stream.abort();
  await assert.rejects(stream.finalText());
  await eventually(async () => (await in_flight("chat")) === 0);
});

const chat = (model, more = {}) => ({ model, messages: [{ role: "user", content: "hello" }], options: { num_predict: 8 }, ...more });

test("ollama: chat and generate, plain and streamed, with or without :latest", async () => {
  const plain = await ollama.chat(chat("chat:latest"));
  assert.equal(plain.eval_count, 8);
  let last;
  for await (const part of await ollama.chat(chat("chat", { stream: true }))) last = part;
  assert.ok(last.done);
  const generated = await ollama.generate({ model: "chat", prompt: "hello", options: { num_predict: 6 } });
  assert.equal(generated.eval_count, 6);
});

test("ollama: tools", async () => {
  const answer = await ollama.chat({
    ...chat("chat", { options: { num_predict: 12 } }),
    messages: [{ role: "user", content: "@tool" }],
    tools,
  });
  assert.equal(answer.message.tool_calls[0].function.name, "weather");
});

test("ollama: tags list every pool, ps those that run, version answers", async () => {
  const tags = (await ollama.list()).models.map((model) => model.name.replace(":latest", ""));
  assert.ok(tags.includes("chat") && tags.includes("cold"), tags.join());
  assert.ok((await ollama.ps()).models.some((model) => model.name.startsWith("chat")));
});

test("ollama: a cold start is waited for, and its error is text", async () => {
  const answer = await ollama.chat(chat("cold-three"));
  assert.equal(answer.eval_count, 8);
  await assert.rejects(ollama.chat(chat("nobody")), (error) => {
    assert.doesNotMatch(error.message, /\[object/);
    assert.match(error.message, /nobody/);
    return true;
  });
});

test("ollama: leaving a stream cancels it, a cut stream is an error", async () => {
  const stream = await ollama.chat(chat("chat", { stream: true, options: { num_predict: 4000 } }));
  let parts = 0;
  await assert.rejects(async () => {
    for await (const _ of stream) if (++parts === 3) stream.abort();
  });
  await eventually(async () => (await in_flight("chat")) === 0);
  await assert.rejects(async () => {
    for await (const _ of await ollama.chat(chat("cut", { stream: true, options: { num_predict: 40 } })));
  });
});

async function in_flight(pool) {
  const answer = await fetch(`${process.env.SLUICE_ADMIN}/api/v1/requests`);
  const { requests } = await answer.json();
  return requests.filter((request) => request.pool === pool).length;
}

async function eventually(condition) {
  for (const deadline = Date.now() + 50000; Date.now() < deadline; ) {
    if (await condition()) return;
    await new Promise((later) => setTimeout(later, 20));
  }
  assert.fail("did not become true in 50 s");
}
