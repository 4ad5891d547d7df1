"""The house stands: imports go down the stairs, one room speaks, files stay small, nothing is undocumented."""

import ast
import os
import re

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOT_OURS = {".git", ".venv", "build", "dist", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
MAX_FILE, MAX_FUNCTION = 400, 50

GROUND = {"outcome", "model", "errors", "paths", "bundle.format"}
MAY_IMPORT = {
    "": set(),
    "outcome": set(),
    "model": {"outcome"},
    "errors": {"outcome"},
    "paths": {"errors"},
    "bundle.format": {"model", "errors"},
    "bundle": GROUND | {"inflate"},
    "inflate": set(),
    "newfile": GROUND | {"bundle"},
    "numbers": set(),
    "resources": set(),
    "trust": {"errors", "paths"},
    "host": {"model", "errors", "outcome", "trust"},
    "saved": GROUND | {"host"},
    "config": GROUND,
    "sources": GROUND | {"host", "numbers"},
    "redact": GROUND | {"inflate", "resources", "trust"},
    "collect": GROUND | {"bundle", "host", "carried", "newfile", "numbers", "resources", "sources", "transport", "trust"},
    "analyse": GROUND | {"bundle", "resources"},
    "report": GROUND | {"bundle", "analyse", "numbers", "resources"},
    "transport": GROUND | {"bundle", "newfile", "resources", "trust"},  # what a bundle is put into on its way: encryption, signature, parts
    "view": GROUND | {"bundle", "analyse", "numbers", "report", "resources"},
    "carried": {"bundle", "resources"},
    "kit": GROUND | {"analyse", "bundle", "carried", "collect", "config", "newfile", "transport", "trust"},  # a maker checks for both wings
    "testing": GROUND | {"bundle", "host", "saved", "collect", "analyse"},
}
"""Which rooms each room may enter, besides itself. `cli` and `__main__`, the roof, may enter all."""

ROOF = {"cli", "__main__"}
DOOR_OF_COLLECTORS = "diagbundle.collect.api"
DOOR_OF_RULES = "analyse.api"
BULKHEADS = {
    ("collect.child", "send"): "one source becomes one entry",
    ("collect.child", "_rows"): "the same for a table, and what it had computed is kept",
    ("collect.child", "serve"): "a collector's own fault becomes one entry",
    ("analyse.claims", "_answer"): "one claim that cannot be judged costs only itself",
    ("analyse.engine", "_read"): "a parser that fails leaves its piece unparsed",
    ("analyse.engine", "_judge"): "a rule that fails is undecided",
    ("analyse.log.hearing", "_tell"): "a parser of logs that fails is named",
    ("view.child", "_answer"): "a question of a page that fails costs that page",
    ("redact.stream", "_hide"): "what cannot be redacted does not leave",
    ("collect.rows", "said"): "an error that cannot say what it is",
    ("collect.packages", "_told"): "a package of a vendor that fails says why",
    ("collect.plan", "_questions"): "a collector that cannot say what it would ask is named, and the plan goes on",
    ("collect.registry", "_made"): "a package that fails is refused and recorded",
}


def tree_of(path):
    with open(path, encoding="utf-8") as file:
        return ast.parse(file.read(), path)


def files_below(folder, *suffixes):
    for here, folders, names in os.walk(os.path.join(TOP, folder)):
        folders[:] = sorted(name for name in folders if name not in NOT_OURS and not name.endswith(".egg-info"))
        for name in sorted(names):
            if name.endswith(suffixes or ("",)) and not name.endswith(".so"):  # built here, and not ours to send
                yield os.path.join(here, name)


def modules():
    """Name below `diagbundle` and syntax tree of each module of the library."""
    base = os.path.join(TOP, "src", "diagbundle")
    for path in files_below("src/diagbundle", ".py"):
        name = os.path.relpath(path, base).removesuffix(".py").replace(os.sep, ".")
        yield name.removesuffix("__init__").rstrip("."), tree_of(path)


MODULES = dict(modules())
CODE = [*files_below("src", ".py"), *files_below("collectors", ".py"), *files_below("packaging", ".py")]
COLLECTORS = [path for path in files_below("collectors", ".py", ".toml") if not os.path.basename(path).startswith("_")]


def room_of(module):
    """The room a module lies in: the longest name in the plan that it begins with."""
    rooms = [room for room in (*MAY_IMPORT, *ROOF) if module == room or (room and module.startswith(room + "."))]
    assert rooms, f"diagbundle.{module} lies in no room: say in MAY_IMPORT what it may import"
    return max(rooms, key=len)


def imported(tree):
    """Every `diagbundle` module that a tree imports, wherever in it the import stands, but for the names of types."""
    named_only = {
        below for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) for below in node.body
    }
    for node in ast.walk(tree):
        if node in named_only:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name == "diagbundle" or name.startswith("diagbundle."):
                below = name.removeprefix("diagbundle").lstrip(".")
                yield below if below in MODULES else below.rpartition(".")[0]


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    here = room_of(module)
    if here not in ROOF:
        rooms = {room_of(name) for name in imported(MODULES[module])} - {here, ""}
        assert rooms <= MAY_IMPORT[here], f"diagbundle.{module} enters {rooms - MAY_IMPORT[here]}"


@pytest.mark.parametrize("path", list(files_below("collectors", ".py")), ids=os.path.basename)
def test_collectors_come_in_by_their_door(path):
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("diagbundle.collectors" if node.level else node.module)
    ours = {name for name in names if name.split(".")[0] in ("diagbundle", "collectors")}
    allowed = {DOOR_OF_COLLECTORS} | {name for name in ours if name.startswith("diagbundle.collectors")}
    assert ours <= allowed
    assert not names & {"subprocess", "shutil", "multiprocessing", "threading", "ctypes", "ssl", "sqlite3"}


CONTENT = [name for name in MODULES if re.match(r"analyse\.(facts|parsers|rules)\.", name)]


@pytest.mark.parametrize("module", CONTENT)
def test_parsers_and_rules_come_in_by_their_door(module):
    doors = {DOOR_OF_RULES} | ({"analyse.fact", "analyse.verdict"} if module.startswith("analyse.facts.") else set())
    foreign = {name for name in imported(MODULES[module]) if name not in doors and not name.startswith("analyse.facts")}
    assert foreign == set()


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) not in ROOF])
def test_only_the_roof_speaks_exits_and_reads_the_environment(module):
    spoken = set()
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input", "exit", "quit"):
            spoken.add(node.func.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            spoken |= {f"{node.value.id}.{node.attr}"} & {"sys.stdout", "sys.stderr", "sys.stdin", "sys.exit", "os.environ", "os.getenv"}
    assert spoken == set()


def broad_handlers(tree):
    """The function around each `except` that catches everything and does not raise it again."""
    for function in functions(tree):
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "BaseException"
                raises_again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
                if re.search(r"\b(Base)?Exception\b", caught) and not raises_again:
                    yield function.name


def test_broad_excepts_stand_at_the_bulkheads_only():
    found = {(module, name) for module, tree in MODULES.items() if room_of(module) not in ROOF for name in broad_handlers(tree)}
    assert found <= set(BULKHEADS)


@pytest.mark.parametrize("path", list(files_below("collectors", ".py")), ids=os.path.basename)
def test_collectors_do_not_catch_broadly_or_speak(path):
    tree = tree_of(path)
    assert list(broad_handlers(tree)) == []
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in ("print", "open", "input", "exec", "eval")]


@pytest.mark.parametrize("path", CODE, ids=lambda path: os.path.relpath(path, TOP))
def test_files_and_functions_are_small(path):
    with open(path, encoding="utf-8") as file:
        assert len(file.readlines()) <= MAX_FILE
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions(tree_of(path))}
    assert {name: lines for name, lines in long.items() if lines > MAX_FUNCTION} == {}


def test_every_collector_is_documented():
    with open(os.path.join(TOP, "docs", "collectors.md"), encoding="utf-8") as file:
        document = file.read()
    names = [os.path.basename(path).rpartition(".")[0] for path in COLLECTORS]
    assert [name for name in names if f"## {name}\n" not in document] == [], "run `make docs`"


def test_every_error_is_drawn_in_the_tree():
    tree = MODULES["errors"]
    drawn = set(re.findall(r"\w+Error|Source\w+", ast.get_docstring(tree)))
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.name not in drawn] == []


FOREIGN = re.compile(
    r"(?<![\w.*}>])/(?:wor[k]|far[m]|root/\.pyenv)/|/bash_job[s]|farm-[a-z]+|subagen[t]|\bT[O]DO\b|\bFIXM[E]\b|NotImplementedErro[r]"
)
"""A path or tool of somebody's machine, or something that was left to do."""


@pytest.mark.parametrize("folder", ["src", "collectors", "tests", "docs", "examples", "packaging", ".ci", "."])
def test_nothing_names_the_machine_it_was_written_on(folder):
    paths = [path for path in files_below(folder) if folder != "." or os.path.dirname(path) == TOP]
    found = []
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as file:
            found += [
                f"{os.path.relpath(path, TOP)}:{number}: {line.strip()[:100]}"
                for number, line in enumerate(file, 1)
                if FOREIGN.search(line)
            ]
    assert found == []


def test_no_two_test_files_have_one_name():
    names = [os.path.basename(path) for path in files_below("tests", ".py") if os.path.basename(path).startswith("test_")]
    assert {name for name in names if names.count(name) > 1} == set(), "pytest imports them by their names alone"
