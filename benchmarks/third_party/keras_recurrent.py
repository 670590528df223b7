"""Keras networks that read an image row by row, or part by part: recurrent layers and convolutions over sequences."""

from typing import Any

from benchmarks.third_party.network import Table
from benchmarks.third_party.parts import DIGITS, softmax, stack

NETWORKS = Table()
add = NETWORKS.add


def _rows(k: Any, *layers: Any) -> Any:
    """The rows of an image as a sequence."""
    return stack(k, DIGITS, k.layers.Reshape((28, 28)), *layers, softmax(k))


@add("SimpleRNN over rows")
def simple_rnn(k: Any) -> Any:
    return _rows(k, k.layers.SimpleRNN(32))


@add("LSTM over rows")
def lstm(k: Any) -> Any:
    return _rows(k, k.layers.LSTM(32))


@add("GRU over rows")
def gru(k: Any) -> Any:
    return _rows(k, k.layers.GRU(32))


@add("GRU as Keras 1 had it, reset before the product")
def gru_reset_before(k: Any) -> Any:
    return _rows(k, k.layers.GRU(32, reset_after=False))


@add("Bidirectional LSTM, then a GRU that goes backwards")
def bidirectional(k: Any) -> Any:
    layers = k.layers
    return _rows(k, layers.Bidirectional(layers.LSTM(16, return_sequences=True)), layers.GRU(16, go_backwards=True))


@add("stacked LSTM cells, unrolled")
def unrolled(k: Any) -> Any:
    cells = [k.layers.LSTMCell(16), k.layers.LSTMCell(16)]
    return _rows(k, k.layers.RNN(cells, unroll=True))


def _stateful(k: Any, trained: Any) -> Any:
    layers = k.layers
    image = layers.Input(batch_shape=(1, *DIGITS))
    published = k.Sequential([image, layers.Reshape((28, 28)), layers.LSTM(32, stateful=True), softmax(k)])
    published.set_weights(trained.get_weights())
    return published


@add("a stateful LSTM with a batch of one", publish=_stateful)
def stateful(k: Any) -> Any:
    return _rows(k, k.layers.LSTM(32))


@add("ConvLSTM over four quarters of an image")
def conv_lstm(k: Any) -> Any:
    layers = k.layers
    return stack(
        k, DIGITS, layers.Reshape((4, 7, 28, 1)), layers.ConvLSTM2D(4, 3, strides=2), layers.Flatten(), softmax(k)
    )


@add("Conv1D over rows, TimeDistributed dense layers")
def conv_1d(k: Any) -> Any:
    layers = k.layers
    dense = layers.TimeDistributed(layers.Dense(16, activation="relu"))
    return _rows(k, layers.Conv1D(32, 3, activation="relu"), dense, layers.GlobalMaxPooling1D())
