#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Holds the schema, the loader and the reference page against each other. Run from the top of the tree.

The schema accepts what the loader accepts and refuses what it refuses, on the wrong policies, the ones that come
with the project, and every example of docs/policy-reference.md; but for what no schema can know, listed below.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

LOADER = "build/iommufd-lsm"
PAGE = "docs/policy-reference.md"

# What shows only to who reads several places, this machine, or the bytes of the file. "": the loader's rules on
# single characters and YAML, which a schema sees nothing of.
NOT_IN_A_SCHEMA = {
    "define-twice", "duplicate-key", "duplicate-key-in-rule", "guard-twice",    # YAML readers take the last
    "kinds-are-apart", "never-undefined", "test-undefined", "undefined-device",  # names elsewhere
    "undefined-ioas", "undefined-process",
    "no-name",                                                                  # may stand in another file
    "exe-directory",                                                            # this machine
    "glob-id-nothing", "glob-set-open", "glob-set-range",  # what patterns mean
    "glob-too-long", "value-too-long", "address-no-domain", "address-short",
    "hand-over-group", "test-giver-cgroup", "test-cgroup-pattern", "test-list", "test-pattern",
    "ioas-name-nothing",                                                        # null, or "" in quotes
    "anchor", "directive", "tag",                                               # YAML that we do not take
    "user-huge", "user-reserved",                                               # how large a number in quotes is
    "too-many-combinations",
}


def ok(what, good, why=""):
    print(f"{'ok' if good else 'not ok'} {what}{'' if good else ': ' + str(why)[:300]}")
    return good


class Reader(yaml.BaseLoader):
    """Text stays text, as for the loader."""


def accepted_by_schema(validator, text, loader=Reader):
    try:
        documents = list(yaml.load_all(text, Loader=loader))
    except (yaml.YAMLError, ValueError, UnicodeDecodeError) as error:
        return str(error)
    if len(documents) != 1:
        return "not one document"
    errors = sorted(validator.iter_errors(documents[0]), key=lambda error: list(map(str, error.path)))
    return f"{list(errors[0].path)}: {errors[0].message}" if errors else ""


def run_loader(path):
    done = subprocess.run([LOADER, "check", path], capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stderr


def examples():
    with open(PAGE, encoding="utf-8") as page:
        text = page.read()
    for match in re.finditer(r"^```yaml\n(.*?)^```$", text, re.M | re.S):
        line = text.count("\n", 0, match.start()) + 1
        body = match.group(1)
        yield line, body if body.startswith("version:") else "version: 1\nname: example\n" + body


def check_wrong(validator):
    used = set()
    different = []
    for path in sorted(glob.glob("tests/policies/wrong/*.yaml")):
        name = os.path.basename(path)[:-5]
        with open(path, "rb") as file:
            text = file.read()
        with open(path[:-5] + ".expected", encoding="utf-8", errors="replace") as file:
            unusable = file.readline().strip() == "exit status 2"
        refused = accepted_by_schema(validator, text)
        if bool(refused) == unusable:
            continue
        if not refused and name in NOT_IN_A_SCHEMA:
            used.add(name)
            continue
        different.append(f"{name}: {refused or 'accepted'}")
    ok("the schema refuses what the loader refuses, and no more", not different, "; ".join(different))
    ok("no exception is left over", used == NOT_IN_A_SCHEMA, NOT_IN_A_SCHEMA - used)


def check_good(validator):
    for path in sorted(glob.glob("policies/*.yaml")) + ["tests/vm/demo/policy.yaml"]:
        with open(path, "rb") as file:
            text = file.read()
        for loader in (Reader, yaml.SafeLoader):
            refused = accepted_by_schema(validator, text, loader)
            ok(f"the schema accepts {path} ({loader.__name__})", not refused, refused)


def check_page(validator, schema):
    words = set()
    with tempfile.TemporaryDirectory() as folder:
        for line, text in examples():
            path = os.path.join(folder, "example.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            status, said = run_loader(path)
            odd = [warning for warning in said.splitlines() if ": warning: " in warning and
                   not re.search(r"cannot find '|there is no (user|group) '", warning)]
            ok(f"{PAGE}:{line}: the example loads", status == 0 and not odd, said)
            refused = accepted_by_schema(validator, text)
            ok(f"{PAGE}:{line}: the schema accepts it", not refused, refused)
            words |= set(re.findall(r"[\w-]+(?=:)", text)) | set(re.findall(r"[\w-]+", text))
    keys = set(schema["properties"]) | set(schema["definitions"]["operation"]["enum"])
    for kind in ("process", "device", "ioas", "rule", "assertion", "test"):
        keys |= set(schema["definitions"][kind]["properties"])
    ok("every key and operation has an example", keys <= words, keys - words)


def main():
    with open("policies/policy.schema.json", encoding="utf-8") as file:
        schema = json.load(file)
    try:
        jsonschema.Draft7Validator.check_schema(schema)
        ok("a standard validator accepts the schema", True)
    except jsonschema.SchemaError as error:
        ok("a standard validator accepts the schema", False, error.message)
        return
    validator = jsonschema.Draft7Validator(schema)
    check_wrong(validator)
    check_good(validator)
    check_page(validator, schema)


if __name__ == "__main__":
    sys.exit(main())
