"""Refuses names that would not work, before anything is written."""

import json
import re
import sys

answers = json.loads(r"""{{ cookiecutter | tojson }}""")


def refuse(key: str, why: str) -> None:
    sys.exit(f"{key} {answers[key]!r}: {why}")


if not re.fullmatch(answers["_slug_pattern"], answers["slug"]):
    refuse("slug", f"the rule is: {answers['_slug_rule']}")
if answers["slug"] in answers["_reserved_slugs"]:
    refuse("slug", "a distribution of Headwater itself has this name")
for key in ("title", "author"):
    if not re.fullmatch(answers["_text_pattern"], answers[key]):
        refuse(key, f"the rule is: {answers['_text_rule']}")
