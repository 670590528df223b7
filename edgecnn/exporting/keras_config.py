"""Checks the configuration of a Keras model as data, before Keras makes objects of it.

Keras makes an object of every class that a configuration names, wherever it stands in it. So each of them must be
known to compute only. Layers that read files, run code or load other models are not in the lists.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from edgecnn.errors import ExportError, ModelError

MOST_BYTES = 2**24  # of a configuration; NASNetLarge's has 1 MB
MOST_DEPTH = 100  # levels of lists and objects

LAYERS = """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
    AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D
    BatchNormalization BatchNormalizationV1 BatchNormalizationV2 Bidirectional CategoryEncoding CenterCrop
    Concatenate ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose Convolution2D
    Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D CutMix Dense
    DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU
    GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention Identity
    InputLayer InputSpec LSTM LSTMCell Layer LayerNormalization LayerScale LeakyReLU Masking MaxNumBoundingBoxes
    MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MixUp
    MultiHeadAttention Multiply Normalization PReLU Permute Pipeline RMSNormalization RNN RandAugment
    RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
    RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert
    RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
    RandomTranslation RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding
    STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D SimpleRNN
    SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization
    StackedRNNCells Subtract SyncBatchNormalization ThresholdedReLU TimeDistributed UnitNormalization UpSampling1D
    UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D Functional Model Sequential
"""
# Parts of layers: initializers, regularizers, constraints, numeric types.
PARTS = """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones
    Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT TruncatedNormal VarianceScaling Zeros
    L1 L1L2 L2 OrthogonalRegularizer
    MaxNorm MinMaxNorm NonNeg UnitNorm
    DTypePolicy DTypePolicyMap Float8DTypePolicy FloatDTypePolicy Int4DTypePolicy Policy QuantizedDTypePolicy
"""
FUNCTIONS = """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid
    sparsemax squareplus swish tanh tanh_shrink threshold
"""
OPERATIONS = ("nn", "numpy", "math", "linalg", "image")  # modules of keras.src.ops that only compute
CORE_OPERATIONS = "Cast ConvertToTensor SaturateCast Scatter ScatterUpdate Slice SliceUpdate StopGradient Unstack"
TRAINING = ("losses", "metrics", "optimizers")  # modules of keras: what a model that was compiled holds besides
VALUES = ("__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__")
LAMBDA = ("Lambda", "__lambda__")
QUANTIZED = ("Quantiz", "Float8", "Int4", "Int8")  # in the names of what model.quantize adds
NUMBERS = ("float", "bfloat", "int", "uint", "bool")  # how the names of numeric types begin
_CLASSES = frozenset(f"{LAYERS} {PARTS}".split())
_FUNCTIONS = frozenset(FUNCTIONS.split())
_CORE_OPERATIONS = frozenset(CORE_OPERATIONS.split())


def check(path: Path, text: str | bytes) -> None:
    """Raise ModelError or ExportError if a configuration, in JSON, names anything else than layers that compute."""
    if len(text) > MOST_BYTES:
        raise ModelError(f"{path} has a configuration of {len(text):,} bytes, more than {MOST_BYTES:,}: save it again")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelError(f"{path} has a damaged configuration: save the model again") from None
    if isinstance(config, dict):
        config.pop("compile_config", None)  # it is not loaded
    _check_value(path, config, 0)


def _check_value(path: Path, value: Any, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise ModelError(f"{path} has a configuration that is nested too deeply: save the model again")
    if isinstance(value, dict):
        _check_object(path, value)
    if isinstance(value, dict | list):
        parts: Iterable[Any] = value.values() if isinstance(value, dict) else value
        for part in parts:
            _check_value(path, part, depth + 1)


def _check_object(path: Path, value: Mapping[str, Any]) -> None:
    if "class_name" in value and not _is_known(value):
        raise _refusal(path, value)
    name = value.get("name")
    if isinstance(name, str) and (name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts):
        raise ModelError(
            f"{path} has a layer called {name[:100]!r}, which is a path: rename the layer and save it again"
        )


def _is_known(value: Mapping[str, Any]) -> bool:
    name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    if not isinstance(name, str) or registered not in (None, name, value.get("config"), f"keras>{name}"):
        return False
    if name in VALUES:
        return _is_numeric(value.get("config"))
    if name == "function":
        return value.get("config") in _FUNCTIONS and module in (None, "builtins", "keras.activations")
    if module is None:
        return name in _CLASSES
    return isinstance(module, str) and _is_in_keras(name, tuple(module.split(".")))


def _is_in_keras(name: str, module: tuple[str, ...]) -> bool:
    if module[0] != "keras" or not name.isidentifier():
        return False
    if module[1:3] == ("src", "ops"):
        return module[3:] in {(item,) for item in OPERATIONS} or (module[3:] == ("core",) and name in _CORE_OPERATIONS)
    if module[1:2] and module[1] in TRAINING:
        return len(module) == 2 or module[1:] == ("optimizers", "schedules")
    return name in _CLASSES


def _is_numeric(config: Any) -> bool:
    """Whether a value is of a numeric type, if it has one: numpy would make objects of other types."""
    dtype = config.get("dtype", "float32") if isinstance(config, dict) else "float32"
    return isinstance(dtype, str) and dtype.startswith(NUMBERS)


def _refusal(path: Path, value: Mapping[str, Any]) -> ModelError | ExportError:
    name, config = str(value["class_name"])[:100], value.get("config")
    if name in LAMBDA:
        return ModelError(
            f"{path} holds a Lambda layer, and code in model files is never run: "
            "rebuild the model with Keras layers only"
        )
    if name == "function":
        name = str(config)[:100]
    module = str(value.get("module") or "")[:100]
    owner = str(value.get("registered_name") or name)[:100]
    if not module.startswith("keras") or ">" in owner:
        what = owner if ">" in owner or not module else f"{module}.{name}"
        return ExportError(
            f"{path} uses {what}, which is not a part of Keras, and the file does not hold its code: where it is "
            "defined, run model.export('folder'), and then export that folder"
        )
    if any(word in name for word in QUANTIZED):
        return ExportError(
            f"{path} was quantized by Keras ({name}): save it before model.quantize, and use export --quantize"
        )
    return ModelError(
        f"{path} uses {module}.{name}, which can do more than compute, so it is not loaded: "
        "rebuild the model without it"
    )
