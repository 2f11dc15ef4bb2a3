"""Torch modules whose backward pass follows a rule."""

from tpcore.nn.cells import GRUCell, LSTMCell, RNNCell
from tpcore.nn.classifier import SequenceClassifier, orthonormal_
from tpcore.nn.dense import Dense
from tpcore.nn.gru import GRU
from tpcore.nn.inverted import Inverted
from tpcore.nn.learned_inverse import LearnedInverse
from tpcore.nn.lstm import LSTM
from tpcore.nn.rnn import RNN

__all__ = [
    "GRU", "LSTM", "RNN", "Dense", "GRUCell", "Inverted", "LSTMCell", "LearnedInverse", "RNNCell",
    "SequenceClassifier", "orthonormal_",
]  # fmt: skip
