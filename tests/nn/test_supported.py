"""The reference's table of what works and what is refused: every row has tests, whose names stand here."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "book" / "api" / "nn.md"
TESTS = {
    "several layers, `bias`, `batch_first`, unbatched input, initial states": [
        "test_shapes.test_shapes_dtypes_and_gradients_are_torch_s",
        "test_lstm.test_backprop_equals_torch",
    ],
    "`dropout`, `bidirectional`": [
        "test_sequences.test_back_propagation_is_torch_s_with_dropout_lengths_and_directions",
        "test_sequences.test_options_are_those_of_now_or_refused",
    ],
    "`PackedSequence`, sorted or not": ["test_sequences.test_packed_sequences_are_as_if_each_ran_by_itself"],
    "`proj_size`": ["test_rnn_errors.test_unsupported_options_are_refused"],
    "float32, float64, bfloat16": [
        "test_any_loop.test_it_moves_to_another_dtype_and_keeps_its_optimizer",
        "test_rnn_errors.test_a_dtype_that_it_does_not_take_is_named",
    ],
    "state dicts, to and from torch's module": [
        "test_any_loop.test_a_state_dict_in_a_file_goes_to_torch_s_module_and_back"
    ],
    "`torch.load` with its default `weights_only=True`, of rules and modules": [
        "test_tools.test_rules_and_modules_in_a_checkpoint_are_read_back_by_default"
    ],
    "changing `output` or the states in place before `backward()`": [
        "test_any_loop.test_the_output_may_be_changed_in_place_before_the_backward_pass"
    ],
    "`torch.autocast`": ["test_devices.test_under_autocast_it_computes_in_its_weights_dtype"],
    "`GradScaler`": ["test_tools.test_a_scaled_loss_is_warned_of_once_where_it_changes_the_direction"],
    "`DistributedDataParallel`": ["test_distributed.test_two_processes_train_as_one_with_the_joined_batch"],
    "`torch.compile`, backends eager, aot_eager and inductor": [
        "test_tools.test_a_fresh_process_compiles_around_the_layer"
    ],
    "`torch.compile` with `fullgraph=True`": ["test_tools.test_one_graph_without_a_break_is_refused"],
    "`torch.export`, `torch.fx`, `torch.jit.trace`, `torch.jit.script`, ONNX": [
        "test_tools.test_export_is_refused_and_to_torch_is_exported",
        "test_tools.test_torchscript_and_onnx_are_refused_and_to_torch_is_scripted",
    ],
    "activation checkpointing, hooks, parametrizations, `functional_call`": [
        "test_any_loop.test_inside_checkpointing",
        "test_any_loop.test_hooks_see_and_change_what_flows",
        "test_any_loop.test_a_parametrized_weight_trains_by_the_chain_rule",
        "test_any_loop.test_with_other_weights_for_one_call",
    ],
    "`create_graph=True`, `is_grads_batched=True`": [
        "test_any_loop.test_differentiating_twice_is_refused",
        "test_tools.test_several_gradients_at_once_are_refused",
    ],
    "`torch.func` (`grad`, `vmap`, `jvp`), forward-mode derivatives": [
        "test_tools.test_transformations_of_functions_are_refused"
    ],
    'the device "meta"': ["test_tools.test_without_values_there_are_shapes_and_no_backward_pass"],
    "FakeTensor": ["test_tools.test_without_values_there_are_shapes_and_no_backward_pass"],
    "`RNNCell`, `GRUCell`, `LSTMCell`": ["test_cells.test_each_names_the_module_to_use"],
}


def test_every_row_of_the_table_has_tests():
    rows = re.findall(r"^\| (.+?) \| .+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [row for row in rows if set(row) != {"-"}] == list(TESTS)


@pytest.mark.parametrize("name", sorted({name for names in TESTS.values() for name in names}))
def test_it_is_there(name):
    file, function = name.split(".")
    tree = ast.parse((HERE / f"{file}.py").read_text("utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
