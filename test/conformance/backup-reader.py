"""Reads a backup with the recovery code alone, from src/vault/FORMAT.md, sharing no code with src: prints calls, audio hashes and the trail."""
import base64
import hashlib
import json
import os
import struct
import sys

from nacl import bindings as nacl


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def blake2b(message, key=b""):
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


def kdf(number, context, root):
    salt = struct.pack("<Q", number).ljust(16, b"\0")
    return hashlib.blake2b(b"", digest_size=32, key=root, salt=salt, person=context.ljust(16, b"\0")).digest()


def open_blob(key, blob, binding):
    assert blob[0] == 1
    return nacl.crypto_aead_xchacha20poly1305_ietf_decrypt(blob[25:], canonical(binding), blob[1:25], key)


def open_slots(folder, code):
    """Sections 3.2, 3.3 and 11.1."""
    with open(os.path.join(folder, "slots"), "rb") as file:
        raw = file.read()
    slots = json.loads(raw)
    secret = code.replace("-", "")[:26].encode()
    for slot in slots["slots"]:
        if slot["kind"] != "recovery":
            continue
        key = blake2b(f"wardline-slot-1:recovery:{slots['vault']}:{slot['id']}".encode(), secret)
        binding = {name: slot[name] for name in ("kind", "opens", "parameters")}
        binding.update(purpose="wardline-slot-1", vault=slots["vault"], slot=slot["id"])
        halves = open_blob(key, base64.b64decode(slot["wrapped"]), binding)
        return slots["vault"], halves[:32], halves[32:], raw
    raise SystemExit("no recovery slot")


def read_manifest(folder, service, slots):
    with open(os.path.join(folder, "manifest"), "rb") as file:
        first, body, mac, _signature = file.read().split(b"\n")[:4]
    assert first == b"wardline-manifest-1"
    assert blake2b(first + b"\n" + body + b"\n", kdf(8, b"wl-svc-1", service)).hex().encode() == mac
    manifest = json.loads(body)
    assert blake2b(slots).hex() == manifest["slots"]
    return manifest


def read_rows(folder, entry):
    """Section 11.2."""
    with open(os.path.join(folder, entry["name"]), "rb") as file:
        data = file.read()
    assert (len(data), blake2b(data).hex()) == (entry["bytes"], entry["hash"])
    assert data.startswith(b"wardline-rows-1\n")
    at = 16
    (length,) = struct.unpack_from(">I", data, at)
    tables = json.loads(data[at + 4 : at + 4 + length])
    at += 4 + length
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 4 + length
        table = tables[data[at + 4]]
        cells, at = [], at + 5
        while at < end:
            kind, at = data[at], at + 1
            if kind == 0:
                cells.append(None)
            elif kind == 1:
                cells.append(struct.unpack_from(">q", data, at)[0])
                at += 8
            else:
                (size,) = struct.unpack_from(">I", data, at)
                content = data[at + 4 : at + 4 + size]
                cells.append(content.decode() if kind == 2 else content)
                at += 4 + size
        yield table[0], dict(zip(table[1:], cells))


def main(folder, code):
    vault, service, records, slots = open_slots(folder, code)
    manifest = read_manifest(folder, service, slots)
    rows = {}
    for entry in [manifest["bundle"], *manifest["files"]]:
        for table, row in read_rows(folder, entry):
            rows.setdefault(table, []).append(row)
    pair = nacl.crypto_box_seed_keypair(kdf(1, b"wl-rec-1", records))
    epochs = {}
    for row in rows["epochs"]:
        if row["secret"] is not None:
            plain = nacl.crypto_box_seal_open(row["secret"], *pair)
            check_epoch(vault, service, row, plain)
            epochs[row["id"]] = (row["public"], plain[:32], plain[32:64])

    def open_key(row):
        public, private, wrap = epochs[row["epoch"]]
        if row["form"] == "boxed":
            return nacl.crypto_box_seal_open(row["key"], public, private)
        binding = dict(purpose="wardline-key-1", vault=vault, owner=row["owner"], row=row["row"], epoch=row["epoch"])
        return open_blob(wrap, row["key"], binding)

    keys = {(row["owner"], row["row"]): open_key(row) for row in rows["record_keys"]}

    def open_record(table, kind, row):
        place = dict(vault=vault, table=table, row=row["row"], kind=kind, schema=row["schema"], version=1, epoch=row["epoch"])
        return json.loads(open_blob(keys[table, row["row"]], row["body"], place))

    calls = [open_record("calls", "cdr", row) for row in rows["calls"] if ("calls", row["row"]) in keys]
    audio = {}
    for row in rows["artifacts"]:
        if ("artifacts", row["row"]) in keys:
            header = open_record("artifacts", "artifact", row)
            for closing in rows["closings"]:
                if closing["artifact"] == row["row"]:
                    check_closing(rows, closing)
            audio[row["row"]] = hashlib.sha256(listen(rows, keys, row, header)).hexdigest()
    print(json.dumps(dict(calls=[call["fromName"] for call in calls], audio=audio, entries=walk(rows, vault, service, manifest))))


def check_epoch(vault, service, row, plain):
    """Section 3.4."""
    binding = dict(purpose="wardline-epoch-1", vault=vault, epoch=row["id"], month=row["month"])
    binding.update({"class": row["class"], "publicKey": base64.b64encode(row["public"]).decode()})
    key = kdf(5, b"wl-svc-1", service)
    assert row["mac"] == blake2b(canonical(binding), key)
    assert plain[64:] == blake2b(canonical(binding) + plain[:64], key)
    assert nacl.crypto_scalarmult_base(plain[:32]) == row["public"]


def check_closing(rows, closing):
    """Section 5.3."""
    artifact = closing["artifact"]
    tags = blake2b(b"wardline-audio-1" + artifact.encode())
    counts = [0, 0, 0]
    for segment in sorted((row for row in rows["segments"] if row["artifact"] == artifact), key=lambda row: row["segment"]):
        place = struct.pack(">BIQ", 1, segment["segment"], segment["first_sample"])
        tags, counts[0] = blake2b(tags + place + segment["header"]), counts[0] + 1
        chunks = [row for row in rows["chunks"] if (row["artifact"], row["segment"]) == (artifact, segment["segment"])]
        for row in sorted(chunks, key=lambda row: row["chunk"]):
            place = struct.pack(">BIIQIB", 2, row["segment"], row["chunk"], row["first_sample"], row["samples"], row["final"])
            tags, counts[1] = blake2b(tags + place + blake2b(row["body"])), counts[1] + 1
            counts[2] = max(counts[2], row["first_sample"] + row["samples"])
    assert (tags, counts) == (closing["tags"], [closing["segments"], closing["chunks"], closing["samples"]])


def listen(rows, keys, artifact, header):
    """Section 5."""
    heard, codes = b"", {"ulaw-8000": 1, "l16-16000": 2}
    for segment in sorted((row for row in rows["segments"] if row["artifact"] == artifact["row"]), key=lambda row: row["segment"]):
        state = nacl.crypto_secretstream_xchacha20poly1305_state()
        key = keys["segments", f"{artifact['row']}/{segment['segment']}"]
        nacl.crypto_secretstream_xchacha20poly1305_init_pull(state, segment["header"], key)
        chunks = [row for row in rows["chunks"] if (row["artifact"], row["segment"]) == (artifact["row"], segment["segment"])]
        for chunk in sorted(chunks, key=lambda row: row["chunk"]):
            numbers = segment["segment"], chunk["chunk"], chunk["first_sample"], chunk["samples"]
            place = struct.pack(">IIQIBBB", *numbers, codes[header["encoding"]], header["channels"], chunk["final"])
            binding = b"wardline-chunk-1" + artifact["row"].encode() + place
            heard += nacl.crypto_secretstream_xchacha20poly1305_pull(state, chunk["body"], binding)[0]
    return heard


def walk(rows, vault, service, manifest):
    """Sections 3.6 and 7.1."""
    today = kdf(1, b"wl-svc-1", service)
    roots = []
    for row in sorted(rows.get("roots", []), key=lambda row: row["generation"]):
        if row["half"] == "service":
            binding = dict(purpose="wardline-root-1", vault=vault, generation=row["generation"], half="service")
            roots.append((row["until_entry"], open_blob(today, row["sealed"], dict(binding, untilEntry=row["until_entry"]))))
    link = blake2b(f"wardline-trail-1:{vault}".encode())
    for number, entry in enumerate(sorted(rows["trail"], key=lambda row: row["sequence"]), 1):
        root = next((half for until, half in roots if number <= until), service)
        link = blake2b(link + entry["sealed"])
        assert (entry["sequence"], entry["link"]) == (number, link)
        assert entry["mac"] == blake2b(struct.pack(">Q", number) + link, kdf(3, b"wl-svc-1", root))
        open_blob(kdf(4, b"wl-svc-1", root), entry["sealed"], dict(purpose="wardline-trail-1", vault=vault, sequence=number))
    assert (number, link.hex()) == (manifest["until"], manifest["link"])
    return number


main(*sys.argv[1:])
