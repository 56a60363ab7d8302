"""The tree as data, read from outside: names, states and counts, whatever the actors do meanwhile."""

import threading

import msgspec
import pytest

from naive_daemon.clock import WallClock
from naive_daemon.otp import (
    KILL,
    ActorSystem,
    ChildSpec,
    ChildType,
    Restart,
    StartChild,
    Supervisor,
    TerminateChild,
    send_exit,
)
from naive_daemon.otp.actor_view import resume, suspend
from naive_daemon.otp.inspection import Node, NodeState, NotFoundError, Place, find, tree, walk
from naive_daemon.otp.stack import stack_of
from tests.otp.holding import held
from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, ThreadWorker


def nodes(lab: Laboratory) -> dict[str, Node]:
    """Give every node by its name."""
    found: dict[str, Node] = {}

    def add(node: Node) -> None:
        found[node.name] = node
        for child in node.children:
            add(child)

    for root in tree(lab.system).roots:
        add(root)
    return found


def test_names_classes_types_and_order(lab: Laboratory) -> None:
    inner = ChildSpec(
        id="inner",
        start=lambda: Supervisor([lab.spec("b"), lab.spec(("c", 1), name=("c", 1))]),
        type=ChildType.SUPERVISOR,
        name="inner",
    )
    top = lab.supervisor("a", inner)
    lab.settle()
    (root,) = tree(lab.system).roots
    assert (root.name, root.actor_class, root.type, root.number) == ("Supervisor", "Supervisor", "supervisor", 1)
    assert [child.name for child in root.children] == ["a", "inner"]
    assert [child.name for child in root.children[1].children] == ["b", "c:1"]
    first = msgspec.structs.replace(root.children[0], busy_s=0.0)
    assert first == Node(name="a", number=2, actor_class="Worker", type=ChildType.WORKER, state=NodeState.RUNNING)
    assert tree(lab.system, find(lab.system, "inner")).roots == (root.children[1],)
    assert Place(top).label == "Supervisor"


def test_counts(lab: Laboratory) -> None:
    lab.supervisor("a", max_restarts=5)
    for _ in range(3):
        lab.tell("a", "hello")
    assert nodes(lab)["a"].handled == 3
    first = nodes(lab)["a"].number
    lab.crash("a")
    lab.crash("a")
    node = nodes(lab)["a"]
    assert (node.restarts, node.handled, node.mailbox, node.state) == (2, 0, 0, "running")
    assert node.number != first


def test_children_without_a_process(lab: Laboratory) -> None:
    top = lab.supervisor("a", lab.spec("b", restart=Restart.TRANSIENT))
    lab.ask(top, TerminateChild("b"))
    node = nodes(lab)["b"]
    assert (node.state, node.number, node.actor_class) == ("stopped", None, None)


def test_suspended_and_resumed(lab: Laboratory) -> None:
    lab.worker("a")
    place = find(lab.system, "a")
    assert suspend(lab.system, place, 600)
    lab.find("a").tell("later")
    lab.settle()
    assert (nodes(lab)["a"].state, nodes(lab)["a"].mailbox) == ("suspended", 1)
    assert resume(lab.system, place)
    lab.settle()
    assert (nodes(lab)["a"].state, nodes(lab)["a"].handled) == ("running", 1)


@pytest.mark.parametrize("for_s", [0, -1, 601, float("nan"), float("inf")])
def test_a_suspension_is_bounded(simulated: Laboratory, for_s: float) -> None:
    simulated.worker("a")
    with pytest.raises(ValueError, match="at most 600"):
        suspend(simulated.system, find(simulated.system, "a"), for_s)


def test_a_suspension_ends_by_itself(simulated: Laboratory) -> None:
    simulated.worker("a")
    assert suspend(simulated.system, find(simulated.system, "a"), 30)
    simulated.advance(29)
    assert nodes(simulated)["a"].state == "suspended"
    simulated.advance(1)
    assert nodes(simulated)["a"].state == "running"


def test_a_busy_actor_hides_nothing(live: Laboratory) -> None:
    live.supervisor(live.spec("a"), live.spec("b", ThreadWorker))
    with held(live, "a"), held(live, "b"):
        live.find("a").tell("waits")
        seen = nodes(live)
        assert [seen[name].mailbox for name in "ab"] == [1, 0]
        assert not suspend(live.system, find(live.system, "b"), 600, timeout_s=0.01)
        for name in "ab":
            stack = stack_of(live.find(name)._actor)
            assert "in hold" in "".join(stack)
            assert "in run_batch" not in "".join(stack)
    live.settle()
    assert nodes(live)["b"].state == "suspended"
    assert stack_of(live.find("a")._actor) == []


def test_a_stuck_actor_is_told_from_a_busy_one() -> None:
    lab = Laboratory(ActorSystem.live(WallClock(), stuck_after_s=0.05))
    lab.worker("a")
    with held(lab, "a"):
        deadline_s = lab.system.clock.monotonic_s() + PATIENCE_S
        while nodes(lab)["a"].state != "stuck":
            assert lab.system.clock.monotonic_s() < deadline_s
        while lab.system.pool_health().replaced == 0:  # the pool is looked after now and then, and may not have been
            assert lab.system.clock.monotonic_s() < deadline_s
        assert lab.system.pool_health().replaced == 1
    lab.settle()
    assert nodes(lab)["a"].state == "running"
    lab.close()


def test_bounds_say_what_they_left_out(simulated: Laboratory) -> None:
    specs = [simulated.spec(str(number)) for number in range(10)]
    simulated.dynamic(*specs)
    simulated.worker("w")
    shown = tree(simulated.system, children_max=4)
    assert [(len(root.children), root.left_out) for root in shown.roots] == [(4, 6), (0, 0)]
    shown = tree(simulated.system, nodes_max=5)
    assert [(len(root.children), root.left_out) for root in shown.roots] == [(3, 7), (0, 0)]
    shown = tree(simulated.system, depth_max=1)
    assert [(len(root.children), root.left_out) for root in shown.roots] == [(0, 10), (0, 0)]
    shown = tree(simulated.system, nodes_max=1)
    assert (len(shown.roots), shown.left_out) == (1, 1)


def test_found_by_name_and_number(simulated: Laboratory) -> None:
    simulated.supervisor(simulated.spec("x", name=("trader", "BTCUSDT", 1)), simulated.spec("trader:ETHUSDT:1"))
    place = find(simulated.system, "trader:BTCUSDT:1")
    assert place.ref is simulated.find(("trader", "BTCUSDT", 1))
    number = place.ref._actor.number
    assert find(simulated.system, f"#{number}") == find(simulated.system, str(number)) == place
    for wrong in ("trader:BTCUSD:1", "btcusdt"):
        with pytest.raises(NotFoundError) as caught:
            find(simulated.system, wrong)
        assert caught.value.nearest[0] == "trader:BTCUSDT:1"
    for wrong in ("#999", "#x", "", "#", "#²", "9" * 5_000):
        with pytest.raises(NotFoundError):
            find(simulated.system, wrong)


def test_a_name_that_several_have_is_refused_with_their_numbers(simulated: Laboratory) -> None:
    for child in "ab":
        simulated.supervisor(child)
    with pytest.raises(NotFoundError, match="2 actors are called Supervisor") as caught:
        find(simulated.system, "Supervisor")
    assert caught.value.nearest == ("#1", "#3")


def test_labels_run_no_code_of_names(simulated: Laboratory) -> None:
    class Name:
        def __str__(self) -> str:
            raise BoomError

    simulated.start(simulated.make("a"), ("odd", Name(), 1))
    simulated.start(simulated.make("b"), "a\x1b[31m\nb")
    assert {root.name for root in tree(simulated.system).roots} == {"odd:<Name>:1", "a\\x1b[31m\\nb"}


def test_read_beside_a_storm(live: Laboratory) -> None:
    """Starts, ends and kills in several threads, while the tree is read: it never fails and never lies in itself."""
    top = live.dynamic(max_restarts=10_000)
    is_over = threading.Event()
    seen: list[int] = []

    def look() -> None:
        while not is_over.is_set():
            shown = tree(live.system)
            seen.append(sum(len(root.children) + root.left_out for root in shown.roots))
            for place in walk(live.system):
                assert place.label

    looking = [threading.Thread(target=look) for _ in range(1)]
    for thread in looking:
        thread.start()
    for number in range(60):
        live.ask(top, StartChild(live.spec(number, name=None)))
        victims = [place.ref for place in walk(live.system) if place.ref is not None and place.child is not None]
        send_exit(victims[number % len(victims)], KILL)
    live.settle()
    is_over.set()
    for thread in looking:
        thread.join(PATIENCE_S)
    assert len(tree(live.system).roots[0].children) == 60
    assert all(0 <= count <= 60 for count in seen)
    assert seen
