"""Completion scripts for bash, zsh and fish, made from the help of each command."""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping

from health_statistics.client import Client
from health_statistics.names import COMMAND

SHELLS = ("bash", "zsh", "fish")
FUNCTION = "_health_statistics"
OPTION_LINE = re.compile(r"^  (-[^ ].*?)(?:  |$)", re.MULTILINE)
OPTION = re.compile(r"-{1,2}[a-z][a-z-]*")
CHOICES = re.compile(r"\{([^}]+)\}")
POSITIONAL_CHOICES = re.compile(r"^  \{([^}]+)\}", re.MULTILINE)

# zsh runs this script too, by bashcompinit. It passes the current and the previous word as $2 and $3, as bash does.
BASH = """\
{function}() {{
    local word command= words="{commands}"
    for word in "${{COMP_WORDS[@]}}"; do
        [ "$word" = "$2" ] && continue
        case "$word" in {pattern}) command=$word; break ;; esac
    done
    case "$command" in
{cases}
    esac
    case "$command $3" in
{values}
        *" --output"|*" -o"|*" --folder"|"batch batch") words= ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$2"))
}}
complete -o default -F {function} {program}
"""
ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def completion(_client: Client, options: argparse.Namespace) -> int:
    """Print the completion script of a shell."""
    script = {"bash": _bash_script, "zsh": _zsh_script, "fish": _fish_script}[options.shell]
    sys.stdout.write(script(options.commands))
    return 0


def _bash_script(commands: Mapping[str, argparse.ArgumentParser]) -> str:
    cases, values = [], []
    for name, parser in commands.items():
        choices = dict(_options(parser))
        words = [option for option in choices if option.startswith("--")] + _positional_choices(parser)
        cases.append(f'        {name}) words="{" ".join(words)}" ;;')
        values += [f'        "{name} {o}") words="{" ".join(texts)}" ;;' for o, texts in choices.items() if texts]
    return BASH.format(
        function=FUNCTION,
        program=COMMAND,
        commands=" ".join(commands),
        pattern="|".join(commands),
        cases="\n".join(cases),
        values="\n".join(values),
    )


def _zsh_script(commands: Mapping[str, argparse.ArgumentParser]) -> str:
    return ZSH + _bash_script(commands)


def _fish_script(commands: Mapping[str, argparse.ArgumentParser]) -> str:
    lines = [f"complete -c {COMMAND} -f -n __fish_use_subcommand -a '{' '.join(commands)}'"]
    for name, parser in commands.items():
        line = f"complete -c {COMMAND} -n '__fish_seen_subcommand_from {name}'"
        lines += [
            f"{line} {_fish_option(option)}" + (f" -x -a '{' '.join(choices)}'" if choices else "")
            for option, choices in _options(parser)
        ]
        if positional := _positional_choices(parser):
            lines.append(f"{line} -f -a '{' '.join(positional)}'")
    return "\n".join(lines) + "\n"


def _fish_option(option: str) -> str:
    return f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"


def _options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    """Yield the options of a command, short ones too, each with its choices."""
    for line in OPTION_LINE.findall(parser.format_help()):
        choices = CHOICES.search(line)
        for option in OPTION.findall(CHOICES.sub("", line)):
            yield option, choices[1].split(",") if choices else []


def _positional_choices(parser: argparse.ArgumentParser) -> list[str]:
    """Return the choices of a command's argument."""
    choices = POSITIONAL_CHOICES.search(parser.format_help())
    return choices[1].split(",") if choices else []
