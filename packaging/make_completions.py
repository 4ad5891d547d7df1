"""Write the completions for bash, zsh and fish from the commands themselves: `make_completions.py FOLDER`.

They are lists: at the press of TAB no program is run, not even diagbundle. It may be root who presses it, on a server that is sick.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from diagbundle.analyse.knowledge import built_in
from diagbundle.analyse.registry import known as rules
from diagbundle.analyse.registry import with_rules
from diagbundle.cli.group import COMMANDS, program
from diagbundle.collect import registry as collectors

FILES, FOLDERS, NOTHING = "files", "folders", "nothing"
KINDS = {"FILE": FILES, "PATH": FILES, "PLACE": FILES, "SRC": FILES, "DST": FILES, "FOLDER": FOLDERS, "DIRECTORY": FOLDERS}
"""What a value is, by the word that stands for it in --help."""
NO_FOLDER = "/nonexistent"  # vendors' collectors of the machine that builds do not belong into the scripts


@dataclass(frozen=True)
class Value:
    """What may stand there: some words, files, folders, or what nobody can know."""

    kind: str = NOTHING
    words: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Option:
    """An option in all its spellings; `value` is None for a switch."""

    flags: tuple[str, ...]
    help: str
    value: Value | None
    multiple: bool


@dataclass(frozen=True)
class Command:
    """A command, its options, and its arguments in their order; `rest` tells that the last may be repeated."""

    name: str
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Value, ...] = ()
    rest: bool = False


def tree() -> list[Command]:
    """The program itself, as the first, and every command."""
    ours = sorted(name for name, one in collectors.find(drop_in_folder=NO_FOLDER).collectors.items() if collectors.is_ours(one))
    codes = tuple(sorted(rule.code for rule in with_rules(rules(), [rule.announced() for rule in built_in()]).rules))
    known = {"only": (*ours, "include"), "without": tuple(ours), "with_": tuple(ours), "code": codes}
    top = click.Context(program, info_name="diagbundle", **program.context_settings)
    found = [Command("", "", _options(program, top, known))]
    for name, sentence in COMMANDS.items():
        command = program.get_command(top, name)
        if command:
            ctx = click.Context(command, parent=top, info_name=name)
            arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
            values = tuple(_value(one, one.make_metavar(ctx), known) for one in arguments)
            found.append(Command(name, sentence, _options(command, ctx, known), values, any(one.nargs == -1 for one in arguments)))
    return found


def _options(command: click.Command, ctx: click.Context, known: dict[str, tuple[str, ...]]) -> tuple[Option, ...]:
    found = []
    for one in command.get_params(ctx):
        if isinstance(one, click.Option) and not one.hidden:
            value = None if one.is_flag or one.count else _value(one, one.make_metavar(ctx), known)
            found.append(Option((*one.opts, *one.secondary_opts), one.help or "", value, one.multiple))
    return tuple(found)


def _value(one: click.Parameter, shown: str, known: dict[str, tuple[str, ...]]) -> Value:
    words = tuple(one.type.choices) if isinstance(one.type, click.Choice) else known.get(one.name or "", ())
    name = re.sub(r"[^A-Z=]", "", shown) or "VALUE"
    kind = FILES if isinstance(one.type, click.Path) and not isinstance(one, click.Option) else KINDS.get(name, NOTHING)
    if isinstance(one, click.Argument) and not isinstance(one.type, click.Path) and name == "PATH":
        kind = NOTHING  # a path in a bundle
    return Value(NOTHING if words else kind, words, name)


# -- bash


BASH = """# Completion for diagbundle in bash. It is made from the program's own options; nothing is run for it.
_diagbundle() {
    local IFS=$' \\t\\n' word=$2 before=${COMP_WORDS[COMP_CWORD - 1]} command= place=0 want= words= name i
    local valued=" @VALUED@ "
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then # bash takes --only=logs for three words
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        name=${COMP_WORDS[i]}
        if [[ $name == -?* || $name == = || ${COMP_WORDS[i - 1]} == = || $valued == *" $command:${COMP_WORDS[i - 1]} "* ]]; then
            continue
        elif [[ -z $command ]]; then
            command=$name
        else
            ((place++))
        fi
    done
    if [[ $valued == *" $command:$before "* ]]; then
        case "$command $before" in
@VALUES@
        esac
    elif [[ $word == -* ]]; then
        case $command in
@OPTIONS@
        esac
    else
        case "$command $place" in
@ARGUMENTS@
        esac
    fi
    COMPREPLY=()
    case $want in
    files) compopt -o default ;;
    folders) compopt -o plusdirs ;;
    esac
    for name in $words; do
        [[ $name == "$word"* ]] && COMPREPLY+=("$name")
    done
}
complete -F _diagbundle diagbundle
"""


def bash(commands: Sequence[Command]) -> str:
    """The script for bash 4 and later; it wants nothing of the package bash-completion but to be found."""
    valued = [f"{command.name}:{flag}" for command in commands for one in command.options if one.value for flag in one.flags]
    values: dict[str, list[str]] = {}
    arguments: dict[str, list[str]] = {f'words="{" ".join(COMMANDS)}"': ['" "*']}
    options: dict[str, list[str]] = {}
    for command in commands:
        for one in command.options:
            if one.value and _bash_value(one.value):
                values.setdefault(_bash_value(one.value), []).extend(f'"{command.name} {flag}"' for flag in one.flags)
        for place, value in enumerate(command.arguments):
            last = command.rest and place == len(command.arguments) - 1
            if _bash_value(value):
                arguments.setdefault(_bash_value(value), []).append(f'"{command.name} "*' if last else f'"{command.name} {place}"')
        flags = " ".join(flag for one in command.options for flag in one.flags)
        options.setdefault(f'words="{flags}"', []).append(command.name or '""')
    pieces = {"@VALUED@": " ".join(valued), "@VALUES@": _cases(values), "@ARGUMENTS@": _cases(arguments), "@OPTIONS@": _cases(options)}
    return re.sub(r"@[A-Z]+@", lambda found: pieces[found[0]], BASH)


def _bash_value(value: Value) -> str:
    """What is assigned for it, or '' where nothing can be offered."""
    return f'words="{" ".join(value.words)}"' if value.words else f"want={value.kind}" if value.kind != NOTHING else ""


def _cases(found: dict[str, list[str]]) -> str:
    return "\n".join(f"        {' | '.join(patterns)}) {assignment} ;;" for assignment, patterns in found.items())


# -- zsh


def zsh(commands: Sequence[Command]) -> str:
    """The script for zsh."""
    top, *others = commands
    lines = ["#compdef diagbundle", "# Made from the program's own options; nothing is run for it.", ""]
    lines += ["local -a commands", "local curcontext=$curcontext context state state_descr line", "typeset -A opt_args", "commands=("]
    lines += [f"    {_quoted(f'{one.name}:{one.help}')}" for one in others]
    lines += [")", "_arguments -C \\", *[f"    {one} \\" for each in top.options for one in _zsh_option(each)]]
    lines += ["    '1: :->command' '*:: :->rest'", "case $state in"]
    lines += ["command) _describe -t commands 'command of diagbundle' commands ;;", "rest)", "    case $words[1] in"]
    for command in others:
        specs = [spec for one in command.options for spec in _zsh_option(one)]
        for place, value in enumerate(command.arguments, 1):
            at = "*" if command.rest and place == len(command.arguments) else str(place)
            specs.append(_quoted(f"{at}:{value.name}:{_zsh_value(value)}"))
        lines += [
            f"    {command.name})",
            "        _arguments -s -S \\",
            *[f"            {one} \\" for one in specs[:-1]],
            f"            {specs[-1]}",
        ]
        lines += ["        ;;"]
    return "\n".join([*lines, "    esac", "    ;;", "esac", ""])


def _zsh_option(one: Option) -> Iterator[str]:
    """One word of `_arguments` for each spelling."""
    told = re.sub(r"([\[\]:\\])", r"\\\1", one.help)
    others = "" if one.multiple else f"({' '.join(one.flags)})"
    for flag in one.flags:
        ending = "" if one.value is None else "=" if flag.startswith("--") else "+"
        value = f":{one.value.name}:{_zsh_value(one.value)}" if one.value else ""
        yield _quoted(f"{'*' if one.multiple else others}{flag}{ending}[{told}]{value}")


def _zsh_value(value: Value) -> str:
    if value.words:
        return f"({' '.join(value.words)})"
    return {FILES: "_files", FOLDERS: "_files -/", NOTHING: " "}[value.kind]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# -- fish


FISH = """# Completion for diagbundle in fish. It is made from the program's own options; nothing is run for it.
function __diagbundle_at
    # whether the words so far name this command ('' for none yet); with a number, too, whether so many arguments stand there
    set -l words (commandline -opc)
    set -l command ''
    set -l places
    set -l value 0
    for word in $words[2..-1]
        if test $value = 1
            set value 0
        else if contains -- "$command $word" $__diagbundle_valued
            set value 1
        else if not string match -q -- '-?*' $word
            if test -z "$command"
                set command $word
            else
                set places $places $word
            end
        end
    end
    test "$command" = "$argv[1]"; or return 1
    test (count $argv) = 1; or test (count $places) = $argv[2]
end
"""


def fish(commands: Sequence[Command]) -> str:
    """The script for fish."""
    others = commands[1:]
    valued = [f"{command.name} {flag}" for command in commands for one in command.options if one.value for flag in one.flags]
    lines = [f"set -g __diagbundle_valued {' '.join(map(_fish_quoted, valued))}", "complete -c diagbundle -f"]
    lines += [f"complete -c diagbundle -n '__diagbundle_at \"\"' -a {one.name} -d {_fish_quoted(one.help)}" for one in others]
    for command in commands:
        at = f"complete -c diagbundle -n {_fish_quoted(f'__diagbundle_at {command.name or chr(34) * 2}')}"
        for one in command.options:
            flags = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in one.flags]
            spellings = [[flag] for flag in flags] if "no-" in " ".join(flags) else [flags]
            lines += [" ".join([at, *each, *_fish_value(one.value), "-d", _fish_quoted(one.help)]) for each in spellings]
        for place, value in enumerate(command.arguments):
            here = at if command.rest and place == len(command.arguments) - 1 else f"{at[:-1]} {place}'"
            if value.words or value.kind != NOTHING:
                lines.append(" ".join([here, *(_fish_value(value)[1:])]))
    return FISH + "\n".join(lines) + "\n"


def _fish_value(value: Value | None) -> list[str]:
    if value is None:
        return []
    if value.words:
        return ["-x", "-a", _fish_quoted(" ".join(value.words))]
    return {FILES: ["-r", "-F"], FOLDERS: ["-x", "-a", "'(__fish_complete_directories)'"], NOTHING: ["-x"]}[value.kind]


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS = {"diagbundle.bash": bash, "_diagbundle": zsh, "diagbundle.fish": fish}


def main(folder: str) -> None:
    """Write one script for each shell."""
    os.makedirs(folder, exist_ok=True)
    commands = tree()
    for name, script in SHELLS.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(script(commands))


if __name__ == "__main__":
    main(*sys.argv[1:])
