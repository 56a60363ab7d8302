"""Plays a scenario on the runtime and in the model, side by side, and compares each time that all is at rest."""

from collections import defaultdict
from typing import Any

from naive_daemon import otp
from tests.otp.laboratory import Laboratory
from tests.otp.model import Model
from tests.otp.model_record import ANY_ANSWER, ANY_REASON, Entry, Supervisor, count_children, which_children
from tests.otp.model_script import Scenario
from tests.otp.model_stage import Stage, in_words, is_dynamic


def play(lab: Laboratory, scenario: Scenario) -> Model:
    """Play a scenario beside the model, and compare after each step; gives the model at the end."""
    model = Model(scenario.tree)
    stage = Stage(lab, scenario.tree)
    where: object = "start"
    try:
        stage.open()
        stage.rest(model.now_s)
        compare(stage, model)
        for number, step in enumerate(scenario.steps):
            if model.ended is not None:
                break
            where = (number, step)
            model.step(number, step)
            stage.play(number, step)
            stage.rest(model.now_s)
            compare(stage, model)
    except AssertionError as error:
        error.add_note(f"after {where}")
        raise
    finally:
        stage.close()
    return model


def compare(stage: Stage, model: Model) -> None:
    """Hold everything that can be seen against the model; raises AssertionError with both."""
    top = stage.refs[(stage.tree.id,), 1]._actor
    hold("the top's reason", top.reason.kind if top.reason else None, model.ended)
    alive = {instance for instance, ref in stage.refs.items() if ref.is_alive()}
    hold("who is alive", alive, {process.instance for process in model.processes()})
    for supervisor in model.supervisors():
        _compare_children(stage, stage.refs[supervisor.instance], supervisor)
    for instance in sorted(stage.log.keys() | model.log.keys()):
        view = by_child if is_dynamic(stage.refs[instance]) else by_group
        hold(f"what the children of {instance} did", *view(stage.log[instance], model.log[instance]))
    hold("who was answered", stage.answers.keys(), model.answers.keys())
    foretold = {tag: answer for tag, answer in model.answers.items() if answer != ANY_ANSWER}
    hold("the answers", {tag: stage.answers.get(tag) for tag in foretold}, foretold)


def _compare_children(stage: Stage, ref: otp.Ref, supervisor: Supervisor) -> None:
    for request, answer in (
        (otp.WhichChildren(), which_children(supervisor)),
        (otp.CountChildren(), count_children(supervisor)),
    ):
        what = f"{type(request).__name__} of {supervisor.instance}"
        hold(what, in_words(ref, stage.lab.ask(ref, request)), answer)


def hold(what: str, seen: object, foretold: object) -> None:
    """Compare; raises AssertionError with both."""
    assert seen == foretold, f"{what}\n  seen:     {seen}\n  foretold: {foretold}"


def by_group(entries: list[Entry], groups: list[list[Entry]]) -> tuple[list[list[Entry]], list[list[Entry]]]:
    """Give both in order, but sorted where the model leaves the order open."""
    foretold = [sorted(group) for group in groups]
    seen = []
    rest = list(entries)
    for group in foretold:
        is_any = any(entry[3] == ANY_REASON for entry in group)
        part, rest = rest[: len(group)], rest[len(group) :]
        seen.append(sorted((*entry[:3], ANY_REASON) if is_any else entry for entry in part))
    if rest:
        seen.append(rest)
    return seen, foretold


def by_child(entries: list[Entry], groups: list[list[Entry]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give what each child did: those of a dynamic supervisor start and stop beside each other."""
    foretold = [entry for group in groups for entry in group]
    masked = {entry[:3] for entry in foretold if entry[3] == ANY_REASON}
    seen = [(*entry[:3], ANY_REASON) if entry[:3] in masked else entry for entry in entries]
    return _grouped(seen), _grouped(foretold)


def _grouped(entries: list[Entry]) -> dict[str, Any]:
    children: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        children[entry[1]].append(entry)
    return dict(children)
