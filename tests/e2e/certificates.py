"""Certificates for tests of TLS, made by openssl."""
import subprocess


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make_certificate(folder, name="one", end="20991231235959Z"):
    """NAME.pem and NAME.key for localhost and 127.0.0.1, signed by itself, valid from 2020 to `end`."""
    (folder / "ca.conf").write_text("[ca]\ndefault_ca=c\n[c]\nnew_certs_dir=.\ndatabase=index\nrand_serial=yes\n"
                                    "default_md=sha256\npolicy=p\nx509_extensions=e\nunique_subject=no\n[p]\ncommonName=supplied\n"
                                    "[e]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:true\n",
                                    encoding="ascii")
    (folder / "index").write_text("", encoding="ascii")
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-out", f"{name}.csr", "-subj", "/CN=localhost")
    openssl(folder, "ca", "-batch", "-config", "ca.conf", "-selfsign", "-keyfile", f"{name}.key", "-in", f"{name}.csr",
            "-out", f"{name}.pem", "-notext", "-startdate", "20200101000000Z", "-enddate", end)
