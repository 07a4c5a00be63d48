"""validate.py cyclonedx|spdx FILE: asks the official libraries whether a document is valid."""

import sys


def cyclonedx(path):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    with open(path, encoding="utf-8") as file:
        error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
    return [str(error)] if error else []


def spdx(path):
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    messages = validate_full_spdx_document(parse_file(path), "SPDX-2.3")
    return [message.validation_message for message in messages]


if __name__ == "__main__":
    problems = {"cyclonedx": cyclonedx, "spdx": spdx}[sys.argv[1]](sys.argv[2])
    for problem in problems[:20]:
        print(problem)
    sys.exit(1 if problems else 0)
