"""The list of parts: what stands in the sources, in the form that the world reads. The sources here are stand-ins of a few lines each."""

import io
import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STATIC = os.path.join(TOP, "packaging", "static")
SBOM = os.path.join(STATIC, "sbom.py")

SOURCES = {
    "src/Python-3/Include/patchlevel.h": '#define PY_VERSION              "3.13.77"\n',
    "src/Python-3/Modules/expat/expat.h": "#define XML_MAJOR_VERSION 2\n#define XML_MINOR_VERSION 9\n#define XML_MICRO_VERSION 4\n",
    "src/Python-3/Modules/_decimal/libmpdec/mpdecimal.h": "#define MPD_MAJOR_VERSION 2\n#define MPD_MINOR_VERSION 5\n#define MPD_MICRO_VERSION 1\n",
    "src/Python-3/Modules/_hacl/refresh.sh": f"expected_hacl_star_rev={'ab' * 20}\n",
    "src/Python-3/Misc/sbom.spdx.json": '{"name": "expat", "versionInfo": "2.6.3"}, {"name": "libb2", "originator": "-", "versionInfo": "0.98.1"}',
    "src/Python-3/Include/internal/mimalloc/mimalloc.h": "#define MI_MALLOC_VERSION 212   // major + 2 digits minor\n",
    "src/Python-3/Modules/unicodedata_db.h": '#define UNIDATA_VERSION "15.1.0"\n',
    "src/zlib-1/zlib.h": '#define ZLIB_VERSION "1.3.1"\n',
    "src/bzip2-1/bzlib_private.h": '#define BZ_VERSION  "1.0.8, 13-Jul-2019"\n',
    "src/xz-5/src/liblzma/api/lzma/version.h": "#define LZMA_VERSION_MAJOR 5\n#define LZMA_VERSION_MINOR 8\n#define LZMA_VERSION_PATCH 1\n",
    "src/zstandard-0/zstd/zstd.h": "#define ZSTD_VERSION_MAJOR    1\n#define ZSTD_VERSION_MINOR    5\n#define ZSTD_VERSION_RELEASE  7\n",
    "src/awscrt-0/crt/aws-lc/include/openssl/base.h": '#define AWSLC_VERSION_NUMBER_STRING "5.12.0"\n',
    "tools/ziglang/lib/libc/musl/src/internal/version.h": '#define VERSION "1.2.5"\n',
    "tools/ziglang-0.dist-info/METADATA": "Metadata-Version: 2.4\nName: ziglang\nVersion: 0.15.2\n",
    "x86_64/python/pyconfig.h": "#define WITH_MIMALLOC 1\n",
    "x86_64/python/Modules/config.c": "PyInit_pyexpat PyInit__decimal PyInit__sha2 PyInit__blake2 PyInit_unicodedata",
}
SERIES = "#off.patch\nlook.diff\nCVE-2030-1.patch\nCVE-2030-1-2.patch\nno-number.patch\n"


def pins():
    with open(os.path.join(STATIC, "pins.toml"), "rb") as file:
        found = tomllib.load(file)
    found["debian"].pop("suite")
    return found


def archive(path):
    """A stand-in for a pinned archive: only what is read of it."""
    if path.endswith(".whl"):
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("some.dist-info/METADATA", "Name: some\nAuthor-email: Jane Doe <jane@example.org>\n")
        return
    with tarfile.open(path, "w") as tar:
        for name, text in (("debian/patches/series", SERIES), ("some-1/PKG-INFO", "Name: some\nMaintainer: John Doe\n")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture
def tree(tmp_path):
    for name, text in SOURCES.items():
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "sources").mkdir()
    for kind in pins().values():
        for part in kind.values():
            for name in part["files"]:
                archive(str(tmp_path / "sources" / name))
    return tmp_path


def listed(tree, **environment):
    words = (sys.executable, SBOM, str(tree / "sources"), str(tree / "work"), "x86_64")
    return subprocess.run(words, capture_output=True, text=True, check=False, env={"SOURCE_DATE_EPOCH": "1767225600"} | environment)


def components(tree):
    done = listed(tree)
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)["components"]}


def test_versions_stand_in_the_sources(tree):
    versions = {name: one["version"] for name, one in components(tree).items()}
    expected = {
        "expat": "2.9.4",
        "mpdecimal": "2.5.1",
        "mimalloc": "2.1.2",
        "zstd": "1.5.7",
        "AWS-LC": "5.12.0",
        "musl": "1.2.5",
        "bzip2": "1.0.8",
    }
    assert expected.items() <= versions.items()
    assert versions["CPython"] == pins()["debian"]["python"]["version"]


def test_every_pinned_archive_is_named_with_its_checksum(tree):
    told = listed(tree).stdout
    for kind in pins().values():
        for part in kind.values():
            for sha256 in part["files"].values():
                assert sha256 in told


def test_what_was_not_compiled_is_no_part(tree):
    (tree / "work/x86_64/python/Modules/config.c").write_text("PyInit__sha2")
    (tree / "work/x86_64/python/pyconfig.h").write_text("/* #undef WITH_MIMALLOC */")
    found = components(tree)
    assert "hacl-star" in found
    assert not found.keys() & {"expat", "mpdecimal", "mimalloc", "unicode-data", "blake2"}


def test_repairs_of_debian_are_told_and_what_they_resolve(tree):
    python = components(tree)["CPython"]
    assert [patch["diff"]["url"] for patch in python["pedigree"]["patches"]] == [
        "debian/patches/CVE-2030-1.patch",
        "debian/patches/CVE-2030-1-2.patch",
        "debian/patches/no-number.patch",
    ]
    assert python["cpe"] == "cpe:2.3:a:python:python:3.13.77:*:*:*:*:*:*:*"
    assert python["purl"].startswith("pkg:deb/debian/python3.13@")
    weaknesses = json.loads(listed(tree).stdout)["vulnerabilities"]
    mine = [one for one in weaknesses if one["affects"] == [{"ref": python["bom-ref"]}]]
    assert [(one["id"], one["analysis"]["state"]) for one in mine] == [("CVE-2030-1", "resolved_with_pedigree")]


def test_the_same_sources_give_the_same_bytes_and_others_another_number(tree):
    one, same = listed(tree).stdout, listed(tree, TZ="Asia/Kolkata", PYTHONHASHSEED="7").stdout
    assert one == same
    (tree / "work/src/zlib-1/zlib.h").write_text('#define ZLIB_VERSION "1.3.2"\n')
    assert json.loads(listed(tree).stdout)["serialNumber"] != json.loads(one)["serialNumber"]


def test_everything_hangs_together(tree):
    whole = json.loads(listed(tree).stdout)
    refs = {one["bom-ref"] for one in whole["components"]} | {whole["metadata"]["component"]["bom-ref"]}
    needed = {ref for one in whole["dependencies"] for ref in one["dependsOn"]}
    assert len(refs) == len(whole["components"]) + 1
    assert {one["ref"] for one in whole["dependencies"]} == refs
    assert needed == refs - {whole["metadata"]["component"]["bom-ref"]}
    assert {ref["ref"] for one in whole["vulnerabilities"] for ref in one["affects"]} <= refs


def test_what_was_found_about_one_version_is_not_told_of_another(tree):
    assert '"CVE-2025-26519"' in listed(tree).stdout
    (tree / "work/tools/ziglang/lib/libc/musl/src/internal/version.h").write_text('#define VERSION "1.2.6"\n')
    assert '"CVE-2025-26519"' not in listed(tree).stdout


def test_a_version_that_is_not_found_is_no_empty_version(tree):
    (tree / "work/src/zlib-1/zlib.h").write_text("/* moved */\n")
    done = listed(tree)
    assert done.returncode == 1
    assert "the version of zlib does not stand there: src/zlib-*/zlib.h\nhint: " in done.stderr
    (tree / "work/src/zlib-1/zlib.h").unlink()
    assert "there are 0 files" in listed(tree).stderr


def test_it_is_what_the_schema_asks_for(tree):
    schema = pytest.importorskip("cyclonedx.schema", reason="pip install 'cyclonedx-python-lib[json-validation]' checks it")
    validation = pytest.importorskip("cyclonedx.validation.json")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    whole = listed(tree).stdout
    assert validator.validate_str(whole) is None
    assert validator.validate_str(whole.replace('"library"', '"book"')) is not None
