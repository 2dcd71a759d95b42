"""How much memory a run takes at each moment."""

from hypothesis import given
from hypothesis import strategies as st

from edgeyard.optimize.inspection.liveness import RunStep, live_bytes


def test_a_chain_holds_what_a_node_reads_and_makes() -> None:
    steps = [RunStep("Conv", ("x",), ("a",)), RunStep("Conv", ("a",), ("b",)), RunStep("Conv", ("b",), ("y",))]
    assert live_bytes(steps, {"x": 1, "a": 10, "b": 100, "y": 1000}, ["x"], ["y"]) == [11, 110, 1100]


def test_a_skip_connection_is_kept_until_it_is_added() -> None:
    steps = [
        RunStep("Conv", ("x",), ("a",)),
        RunStep("Conv", ("a",), ("b",)),
        RunStep("Conv", ("b",), ("c",)),
        RunStep("Concat", ("a", "c"), ("y",)),
    ]
    sizes = dict.fromkeys("xabc", 10) | {"y": 20}
    assert live_bytes(steps, sizes, ["x"], ["y"]) == [20, 20, 30, 40]


def test_an_activation_is_written_over_what_nobody_reads_again() -> None:
    steps = [RunStep("Conv", ("x",), ("a",)), RunStep("Relu", ("a",), ("b",)), RunStep("Add", ("b", "a"), ("y",))]
    sizes = dict.fromkeys("xaby", 10)
    assert live_bytes(steps, sizes, ["x"], ["y"]) == [20, 20, 20]
    steps[2] = RunStep("Conv", ("b",), ("y",))
    assert live_bytes(steps, sizes, ["x"], ["y"]) == [20, 10, 20]


def test_the_caller_s_input_is_never_written_over() -> None:
    assert live_bytes([RunStep("Relu", ("x",), ("y",))], {"x": 10, "y": 10}, ["x"], ["y"]) == [20]


def test_a_view_takes_no_memory_and_keeps_what_it_views() -> None:
    steps = [RunStep("Conv", ("x",), ("a",)), RunStep("Reshape", ("a",), ("v",)), RunStep("Gemm", ("v",), ("y",))]
    assert live_bytes(steps, {"x": 1, "a": 10, "v": 10, "y": 2}, ["x"], ["y"]) == [11, 10, 12]


def test_what_nobody_reads_exists_while_it_is_made() -> None:
    steps = [RunStep("Split", ("x",), ("a", "b")), RunStep("Conv", ("a",), ("y",))]
    assert live_bytes(steps, {"x": 8, "a": 4, "b": 4, "y": 1}, ["x"], ["y"]) == [16, 5]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[RunStep], dict[str, int]]:
    """Nodes that read anything made before them."""
    names = ["x"]
    steps = []
    for index in range(draw(st.integers(1, 12))):
        operator = draw(st.sampled_from(["Conv", "Relu", "Add", "Reshape", "Split"]))
        reads = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
        steps.append(RunStep(operator, tuple(reads), (f"t{index}",)))
        names.append(f"t{index}")
    sizes = {name: draw(st.integers(1, 100)) for name in names}
    return steps, sizes


@given(graphs())
def test_never_less_than_the_outputs_and_never_more_than_everything(
    graph: tuple[list[RunStep], dict[str, int]],
) -> None:
    steps, sizes = graph
    last = steps[-1].makes[0]
    live = live_bytes(steps, sizes, ["x"], [last])
    assert len(live) == len(steps)
    assert max(live) <= sum(sizes.values())
    assert live[0] >= sizes["x"]
    plain = [RunStep("Conv", step.reads, step.makes) for step in steps]
    without_sharing = live_bytes(plain, sizes, ["x"], [last])
    for index, step in enumerate(plain):
        assert without_sharing[index] >= sum(sizes[name] for name in {*step.reads, *step.makes})
