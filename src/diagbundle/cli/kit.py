"""`diagbundle kit`: the static file for a product."""

from __future__ import annotations

import os
import sys

import click

from diagbundle.bundle.escape import shown
from diagbundle.cli.talk import say
from diagbundle.errors import UsageError
from diagbundle.resources import is_static

USED = (", used where `--encrypt-to vendor` asks for it", ", to which it encrypts")


@click.command
@click.option("--product", required=True, metavar="FILE", help="What the kit is made of: a TOML file.")
@click.option("-o", "--output", metavar="FILE", help="Where to write it. Default: the product's name, in the current folder.")
@click.option("--program", metavar="FILE", help="The static file to copy, for whatever processor. Default: this program.")
def command(product: str, output: str | None, program: str | None) -> None:
    """Make a copy of this program that carries a product's collectors, rules, texts and name.

    Your customer runs it with nothing else: ./acme-support. All that it carries is checked and tried first. docs/kit.md explains
    the keys of the file.

    The path of the kit goes to standard output, everything else to standard error.
    """
    from diagbundle.kit import description, make

    if not program and not is_static():
        raise UsageError("this program is no static file, and cannot copy itself", "name one: --program diagbundle-linux-x86_64")
    made = description.read(product)
    path = output or made.name
    path = os.path.join(path, made.name) if os.path.isdir(path) else path
    kit = make.make(made, program or sys.executable, path)
    tables, rules = (sum(name.startswith(f"{folder}/") for name in kit.files) for folder in ("collectors", "rules"))
    say(f"{kit.name} {kit.version} for {kit.title}, for Linux on {make.machine(path)}, {os.path.getsize(path):,} bytes")
    say(f"  carries  collectors: {tables} in TOML, {len(kit.offers)} from packages; files of rules: {rules}")
    say(f"  key      {kit.key or 'none'}" + USED["encrypt_to" in kit.defaults] * bool(kit.key))
    say(f"  sha256   {kit.checksum}  (of what it carries: each bundle names it)")
    click.echo(shown(path))
