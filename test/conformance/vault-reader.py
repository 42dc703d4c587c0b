"""A reader of the vault's format written from src/vault/FORMAT.md alone, with PyNaCl: prints one line a vector, `name result`."""
import base64
import glob
import hashlib
import json
import os
import struct
import sys

from nacl import bindings as nacl


def plain(text):
    return base64.b64decode(text)


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def blake2b(message, key=b""):
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


def kdf(number, context, root):
    salt = struct.pack("<Q", number).ljust(16, b"\0")
    return hashlib.blake2b(b"", digest_size=32, key=root, salt=salt, person=context.ljust(16, b"\0")).digest()


def open_blob(key, blob, binding):
    """FORMAT.md section 2."""
    assert blob[0] == 1
    return nacl.crypto_aead_xchacha20poly1305_ietf_decrypt(blob[25:], canonical(binding), blob[1:25], key)


def read_keys(vector):
    """Section 3.1 and 4.4."""
    numbers = dict(records=1, blind=2, auditMac=3, auditSeal=4, epochMac=5, state=6, meta=7, manifest=8)
    keys = {name: kdf(number, b"wl-svc-1", plain(vector["service"])) for name, number in numbers.items()}
    assert {name: base64.b64encode(key).decode() for name, key in keys.items()} == vector["purposes"]
    seed = kdf(1, b"wl-rec-1", plain(vector["records"]))
    assert nacl.crypto_box_seed_keypair(seed)[0] == plain(vector["recordsPublicKey"])
    assert blake2b(b"15555550142", blake2b(b"calls/number", keys["blind"])) == plain(vector["blind"])
    return "ok"


def slot_key(vector):
    """Section 3.2."""
    slot, secret = vector["slot"], vector["secret"]
    parameters = slot["parameters"]
    if parameters["stretch"] == "argon2id":
        salt, operations, memory = plain(parameters["salt"]), parameters["operations"], parameters["memoryBytes"]
        return nacl.crypto_pwhash_alg(32, secret.encode(), salt, operations, memory, nacl.crypto_pwhash_ALG_ARGON2ID13)
    raw = plain(secret.split(":")[1]) if slot["kind"] == "key-file" else secret.replace("-", "")[:26].encode()
    return blake2b(f"wardline-slot-1:{slot['kind']}:{vector['vault']}:{slot['id']}".encode(), raw)


def read_slot(vector):
    slot = vector["slot"]
    binding = {name: slot[name] for name in ("kind", "opens", "parameters")}
    binding.update(purpose="wardline-slot-1", vault=vector["vault"], slot=slot["id"])
    halves = open_blob(slot_key(vector), plain(slot["wrapped"]), binding)
    expected = plain(vector["halves"]["service"]) + plain(vector["halves"].get("records", ""))
    assert halves == expected
    return "ok"


def read_record(vector):
    assert json.loads(open_blob(plain(vector["key"]), plain(vector["blob"]), vector["place"])) == vector["value"]
    return "ok"


def read_segment(vector):
    """Section 5."""
    pair = plain(vector["epochPublicKey"]), plain(vector["epochPrivateKey"])
    key = nacl.crypto_box_seal_open(plain(vector["sealedKey"]), *pair)
    state = nacl.crypto_secretstream_xchacha20poly1305_state()
    nacl.crypto_secretstream_xchacha20poly1305_init_pull(state, plain(vector["header"]), key)
    audio, tag = b"", None
    for chunk in vector["chunks"]:
        numbers = vector["segment"], chunk["chunk"], chunk["firstSample"], chunk["samples"], 1, vector["channels"], chunk["ends"]
        binding = b"wardline-chunk-1" + vector["artifactId"].encode() + struct.pack(">IIQIBBB", *numbers)
        part, tag = nacl.crypto_secretstream_xchacha20poly1305_pull(state, plain(chunk["body"]), binding)
        audio += part
        assert (tag == nacl.crypto_secretstream_xchacha20poly1305_TAG_FINAL) == (chunk["ends"] > 0)
    if tag != nacl.crypto_secretstream_xchacha20poly1305_TAG_FINAL:
        return "cut-off"
    assert audio == plain(vector["audio"])
    return "ok"


def read_trail(vector):
    """Section 7."""
    vault, mac_key, seal_key = vector["vault"], plain(vector["auditMac"]), plain(vector["auditSeal"])
    link = blake2b(f"wardline-trail-1:{vault}".encode())
    for number, entry in enumerate(vector["entries"], 1):
        link = blake2b(link + plain(entry["sealed"]))
        assert (entry["sequence"], plain(entry["link"])) == (number, link)
        assert plain(entry["mac"]) == blake2b(struct.pack(">Q", number) + link, mac_key)
        open_blob(seal_key, plain(entry["sealed"]), dict(purpose="wardline-trail-1", vault=vault, sequence=number))
    assert (len(vector["entries"]), link) == (vector["head"]["sequence"], plain(vector["head"]["link"]))
    return "ok"


def read_closing(vector):
    """Section 5.3 and the row hash of section 2."""
    tags, samples, ends, number = blake2b(b"wardline-audio-1" + vector["artifactId"].encode()), 0, [], 0
    for segment in vector["segments"]:
        assert segment["segment"] == len(ends)
        tags = blake2b(tags + struct.pack(">BIQ", 1, segment["segment"], segment["first_sample"]) + plain(segment["header"]))
        chunks = [row for row in vector["stored"] if row["segment"] == segment["segment"]]
        for chunk in chunks:
            place = struct.pack(">BIIQIB", 2, *(chunk[name] for name in ("segment", "chunk", "first_sample", "samples", "final")))
            tags = blake2b(tags + place + blake2b(plain(chunk["body"])))
            samples, number = max(samples, chunk["first_sample"] + chunk["samples"]), number + 1
        ends.append(chunks[-1]["final"])
    closing = vector["closing"]
    assert (tags, samples, len(ends), number) == (plain(vector["tags"]), closing["samples"], closing["segments"], closing["chunks"])
    assert ends == [1] * (len(ends) - 1) + [2]
    assert blake2b(blake2b(tags) + canonical(closing)).hex() == vector["hash"]
    return "ok"


def read_epoch(vector):
    """Sections 3.4 and 3.5."""
    row, key = vector["row"], kdf(5, b"wl-svc-1", plain(vector["service"]))
    binding = dict(purpose="wardline-epoch-1", vault=vector["vault"], epoch=row["id"], month=row["month"], publicKey=row["public"])
    binding["class"] = row["class"]
    assert plain(row["mac"]) == blake2b(canonical(binding), key)
    opened = nacl.crypto_box_seal_open(plain(row["secret"]), *nacl.crypto_box_seed_keypair(kdf(1, b"wl-rec-1", plain(vector["records"]))))
    private, wrap, mac = opened[:32], opened[32:64], opened[64:]
    assert mac == blake2b(canonical(binding) + private + wrap, key)
    assert nacl.crypto_scalarmult_base(private) == plain(row["public"])
    adopted = open_blob(wrap, plain(vector["adopted"]), dict(vector["keyRow"], purpose="wardline-key-1", vault=vector["vault"]))
    assert adopted == nacl.crypto_box_seal_open(plain(vector["boxed"]), plain(row["public"]), private) == plain(vector["key"])
    clear = dict(month=row["month"], mac=plain(row["mac"]).hex(), secret=blake2b(plain(row["secret"])).hex())
    clear["class"] = row["class"]
    assert blake2b(blake2b(plain(row["public"])) + canonical(clear)).hex() == vector["hash"]
    return "ok"


def read_rows(vector):
    """Sections 2, 3.1, 3.6 and 7.3."""
    service, total = plain(vector["service"]), 0
    for row in vector["rows"]:
        assert blake2b(blake2b(plain(vector["body"])) + canonical(row["clear"])).hex() == row["hash"]
        change = {name: row[name] for name in ("hash", "row", "table", "version")}
        total += int.from_bytes(blake2b(canonical(change), kdf(6, b"wl-svc-1", service)), "big")
    assert f"{total % 2**256:064x}" == vector["state"]
    assert blake2b(canonical(vector["identity"]), kdf(7, b"wl-svc-1", service)) == plain(vector["identityMac"])
    binding = dict(vector["root"], purpose="wardline-root-1", vault=vector["vault"])
    assert open_blob(kdf(1, b"wl-svc-1", service), plain(vector["sealed"]), binding) == plain(vector["half"])
    return "ok"


def read_head(vector):
    """Section 7.2."""
    unsigned = {name: value for name, value in vector["signed"].items() if name != "signature"}
    nacl.crypto_sign_open(plain(vector["signed"]["signature"]) + canonical(unsigned), plain(unsigned["publicKey"]))
    return "ok"


def read_order(vector):
    """Section 8."""
    entries = [row["entry"] for row in sorted(vector["rows"], key=lambda row: row["seq"])]
    assert entries == sorted(set(entries))
    return "ok"


READERS = dict(order=read_order, closing=read_closing, epoch=read_epoch, rows=read_rows, head=read_head, keys=read_keys, slot=read_slot, record=read_record, segment=read_segment, trail=read_trail)


def main(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(path, encoding="utf-8") as file:
            vector = json.load(file)
        try:
            result = READERS[vector["type"]](vector)
        except Exception:  # whatever a reader trips over, it refuses
            result = "refused"
        print(os.path.basename(path), result)


main(sys.argv[1])
