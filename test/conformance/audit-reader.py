"""Checks copies of an audit trail as src/vault/FORMAT.md section 7 says, with hashlib and PyNaCl, no secret and no shared code.

audit-reader.py <export> <heads>   one verdict, exit code 1 when the copy does not hold
audit-reader.py <folder>           one line a vector: its name and the verdict
"""
import base64
import glob
import hashlib
import json
import os
import sys

from nacl import bindings as nacl


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def blake2b(message):
    return hashlib.blake2b(message, digest_size=32).digest()


def is_signed(message, signature, public_key):
    try:
        nacl.crypto_sign_open(base64.b64decode(signature) + message, base64.b64decode(public_key))
        return True
    except Exception:
        return False


def parse(line, form):
    """A signed line: header, head or key change."""
    try:
        value = json.loads(line)
        unsigned = {name: field for name, field in value.items() if name != "signature"}
        if value["format"] == form and is_signed(canonical(unsigned), value["signature"], value["publicKey"]):
            return value
    except Exception:
        pass
    return None


def parse_entry(line):
    try:
        value = json.loads(line)
        return value if isinstance(value["sequence"], int) and isinstance(value["entry"], dict) else None
    except Exception:
        return None


def is_own(entry, header):
    signed = dict(entry, format="wardline-audit-entry-1", vaultId=header["vaultId"])
    signature = signed.pop("signature", "")
    return is_signed(canonical(signed), signature, header["publicKey"])


def trust(lines):
    keys, heads = set(), []
    for line in lines:
        head, change = parse(line, "wardline-head-1"), parse(line, "wardline-key-change-1")
        if head and not keys:
            keys.add(head["publicKey"])
        if head and head["publicKey"] in keys:
            heads.append(head)
        if change and change["publicKey"] in keys:
            keys.add(change["next"])
    return keys, heads


def verdict(lines, heads_lines):
    keys, heads = trust(heads_lines)
    header = parse(lines[0], "wardline-audit-export-1") if lines else None
    if header is None:
        return "no-export 0"
    if header["publicKey"] not in keys:
        return "foreign-key 0"
    vault, link, number, attested = header["vaultId"], header["previous"], header["from"], 0
    taken = {}
    for head in heads:
        if head["vaultId"] == vault:
            taken.setdefault(head["sequence"], []).append(head)
    if number == 1 and link != blake2b(f"wardline-trail-1:{vault}".encode()).hex():
        return f"other-trail {number}"
    if any(head["link"] != link for head in taken.get(number - 1, [])):
        return f"other-trail {number}"
    entries = [parse_entry(line) for line in lines]
    for index, entry in enumerate(entries[1:], 1):
        if number > header["until"]:
            break
        if entry is None:
            return f"{'altered' if parse(lines[index], 'wardline-head-1') is None else 'cut-off'} {number}"
        right = [other for other in entries if other and other["sequence"] == number]
        if not is_own(entry, header):
            return f"{'inserted' if any(is_own(other, header) for other in right) else 'altered'} {number}"
        if entry["sequence"] != number:
            return f"{'inserted' if entry['sequence'] < number else 'reordered' if right else 'removed'} {number}"
        link = blake2b(bytes.fromhex(link) + base64.b64decode(entry["sealed"])).hex()
        if entry["link"] != link or entry["entry"]["sequence"] != number:
            return f"altered {number}"
        if number in taken:
            attested = number
            if any(head["link"] != link for head in taken[number]):
                return f"other-trail {number}"
        number += 1
    end = lines[header["until"] - header["from"] + 2:]
    if len(end) > 1:
        return f"inserted {number}"
    head = parse(end[0], "wardline-head-1") if end else None
    if number <= header["until"] or head is None:
        return f"cut-off {number}"
    own = {name: head[name] for name in ("vaultId", "sequence", "link", "publicKey")}
    if own != dict(vaultId=vault, sequence=header["until"], link=link, publicKey=header["publicKey"]):
        return f"altered {number}"
    if any(known["vaultId"] == vault and known["sequence"] > header["total"] and known["at"] <= header["at"] for known in heads):
        return f"cut-off {header['total'] + 1}"
    return f"ok {header['from']}-{header['until']} attested {attested}"


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [line for line in file.read().split("\n") if line]


def main(arguments):
    if len(arguments) == 2:
        result = verdict(*(read_lines(path) for path in arguments))
        print(result)
        return 0 if result.startswith("ok") else 1
    for path in sorted(glob.glob(os.path.join(arguments[0], "*.json"))):
        with open(path, encoding="utf-8") as file:
            vector = json.load(file)
        print(os.path.basename(path), verdict(vector["lines"], vector["heads"]))
    return 0


sys.exit(main(sys.argv[1:]))
