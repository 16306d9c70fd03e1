"""Fixtures of the tracking tests: a store for each module, and searches tracked in it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.search.tracking.stories import Story, new_store


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def uri(home):
    return new_store(home)


@pytest.fixture
def story(home, uri, request):
    """Return a search of the test's own in the module's store."""
    story = Story(uri, home, name=request.node.name.partition("[")[0][:60])
    story.begin()
    return story


@pytest.fixture(scope="module")
def tale(home, uri):
    """Return a search of five trials, tracked as by a session, with fronts and descriptions."""
    story = Story(uri, home, name="trip", budget=5, seed=3)
    parent = story.begin()
    fronts, notes = [], []

    def end(number, *point, **more):
        story.end(number, *point, **more)
        if story.records[number].state == "complete":
            story.publish(now=True)
            wanted = f"tags.pareto = 'true' AND tags.search_uid = '{story.info.uid}'"
            found = story.client.search_runs([story.info.experiment_id], wanted)
            fronts.append({int(run.data.tags["trial"]) for run in found})
            notes.append(story.client.get_run(parent).data.tags["mlflow.note.content"])

    for number, reference in enumerate(["small", None, None, None, None]):
        story.start(number, reference=reference)
    for made in range(1, 5):
        for number in range(2):
            story.train(number, made)
    end(0, 0.6, 0.1)
    end(1, 0.9, 0.5)
    end(2, 0.7, 0.05)
    end(3, 0.99, 0.001, state="pruned", reason="stopped", epochs=2, stopped_at=2)
    end(4, 0.99, 0.001, state="failed", reason="out of memory", epochs=1)
    story.tracker.end_search("finished")
    assert story.tracker.close(0)
    runs = [story.tracker.run_of(number) for number in range(5)]
    return SimpleNamespace(
        story=story, client=story.client, parent=parent, runs=runs, fronts=fronts, notes=notes
    )
