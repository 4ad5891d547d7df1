"""Every recipe of the fault lab: what any collection owes, and what this sickness asks for."""

import checks
import expected
import lab
import pytest

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]


def cases():
    """A case for each recipe and check; quick ones first. Checks of one recipe share its run."""
    for name in sorted(expected.RECIPES, key=lambda name: (name not in expected.QUICK, name)):
        marks = [] if name in expected.QUICK else [pytest.mark.slow]
        for check in (*checks.EVERY, *expected.RECIPES[name]):
            yield pytest.param(name, check, marks=marks, id=f"{name}: {check.__name__}")


@pytest.mark.parametrize(("run", "check"), [*cases()], indirect=["run"])
def test_recipe(run, check):
    check(run)


@pytest.mark.skipif(bool(lab.why_not()), reason=lab.why_not())
def test_every_recipe_of_the_lab_is_expected():
    assert lab.recipes() == sorted(expected.RECIPES)
