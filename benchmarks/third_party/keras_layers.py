"""Keras networks that differ in what they are made of: one kind of layer or block each."""

from typing import Any

from benchmarks.third_party.network import Table
from benchmarks.third_party.parts import COLOR, DIGITS, after, between, functional, stack

NETWORKS = Table()
add = NETWORKS.add
ACTIVATIONS = ("gelu", "swish", "mish", "hard_swish", "hard_sigmoid", "elu", "selu", "softplus", "softsign", "tanh")
MORE_ACTIVATIONS = ("celu", "log_sigmoid", "squareplus", "tanh_shrink", "relu6", "hard_tanh", "sparse_plus")


@add("depthwise and separable convolutions with BatchNormalization")
def separable(k: Any) -> Any:
    layers = k.layers
    normal = [layers.BatchNormalization(momentum=0.9) for _ in range(3)]
    depthwise, both = layers.DepthwiseConv2D(3, depth_multiplier=2), layers.SeparableConv2D(24, 3, strides=2)
    return between(k, normal[0], depthwise, normal[1], layers.ReLU(6.0), both, normal[2], layers.ReLU())


@add("dilated convolutions")
def dilated(k: Any) -> Any:
    convolved = [k.layers.Conv2D(16, 3, dilation_rate=rate, activation="relu") for rate in (2, 3)]
    return between(k, *convolved)


@add("transposed convolution and UpSampling")
def transposed(k: Any) -> Any:
    layers = k.layers
    up = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")
    return between(k, up, layers.MaxPooling2D(4), layers.UpSampling2D(2, interpolation="bilinear"))


@add("grouped convolutions, channels shuffled between")
def grouped(k: Any) -> Any:
    layers = k.layers
    shuffle = [layers.Reshape((14, 14, 3, 4)), layers.Permute((1, 2, 4, 3)), layers.Reshape((14, 14, 12))]
    return between(k, layers.Conv2D(12, 3, padding="same", groups=3), *shuffle, layers.Conv2D(24, 3, 2, groups=4))


def _activated(name: str) -> None:
    def build(k: Any) -> Any:
        layers = k.layers
        return between(k, layers.Conv2D(16, 3, strides=2, activation=name))

    build.__name__ = f"activation_{name}"
    add(f"the activation {name}")(build)


for _name in (*ACTIVATIONS, *MORE_ACTIVATIONS):
    _activated(_name)


@add("PReLU, LeakyReLU, clipped leaky ReLU and ELU as layers")
def rectifiers(k: Any) -> Any:
    layers = k.layers
    kinds = [layers.PReLU(shared_axes=[1, 2]), layers.LeakyReLU(), layers.ReLU(6, 0.1), layers.ELU(0.5)]
    return between(k, *[part for kind in kinds for part in (layers.Conv2D(12, 3, padding="same"), kind)])


@add("LayerNormalization, GroupNormalization, UnitNormalization, RMSNormalization")
def normalizations(k: Any) -> Any:
    layers = k.layers
    kinds = [layers.LayerNormalization(), layers.GroupNormalization(4), layers.RMSNormalization()]
    parts = [part for kind in kinds for part in (layers.Conv2D(12, 3, activation="relu"), kind)]
    return between(k, *parts, layers.UnitNormalization())


@add("BatchNormalization without scale, without center, over another axis")
def batch_normalizations(k: Any) -> Any:
    layers = k.layers
    kinds = [{"scale": False}, {"center": False}, {"scale": False, "center": False}]
    normal = [layers.BatchNormalization(momentum=0.9, **kind) for kind in kinds]
    parts = [part for kind in normal for part in (layers.Conv2D(12, 3, use_bias=False), kind, layers.ReLU())]
    return between(k, *parts, layers.BatchNormalization(axis=1, momentum=0.9))


@add("SpectralNormalization")
def spectral(k: Any) -> Any:
    layers = k.layers
    return between(k, layers.SpectralNormalization(layers.Conv2D(16, 3, strides=2, activation="relu")))


@add("a small vision transformer: patches, MultiHeadAttention, gelu")
def vision_transformer(k: Any) -> Any:
    layers = k.layers

    def body(image: Any) -> Any:
        x = layers.Reshape((16, 32))(layers.Conv2D(32, 7, strides=7)(image))
        x = x + layers.Embedding(16, 32)(k.ops.arange(16))
        for _ in range(2):
            inside = layers.LayerNormalization(epsilon=1e-6)(x)
            x = layers.Add()([x, layers.MultiHeadAttention(4, 8)(inside, inside)])
            inside = layers.Dense(64, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
            x = layers.Add()([x, layers.Dropout(0.1)(layers.Dense(32)(inside))])
        return layers.GlobalAveragePooling1D()(x)

    return functional(k, body)


@add("Attention and AdditiveAttention over places")
def attention(k: Any) -> Any:
    layers = k.layers

    def body(image: Any) -> Any:
        x = layers.Reshape((-1, 16))(layers.Conv2D(16, 4, strides=4, activation="relu")(image))
        return layers.Flatten()(layers.Concatenate()([layers.Attention()([x, x]), layers.AdditiveAttention()([x, x])]))

    return functional(k, body)


@add("squeeze and excite")
def squeeze_and_excite(k: Any) -> Any:
    layers = k.layers

    def body(image: Any) -> Any:
        x = layers.Conv2D(16, 3, strides=2, activation="relu")(image)
        gate = layers.Dense(4, activation="relu")(layers.GlobalAveragePooling2D()(x))
        gate = layers.Reshape((1, 1, 16))(layers.Dense(16, activation="hard_sigmoid")(gate))
        return layers.Flatten()(layers.MaxPooling2D(2)(layers.Multiply()([x, gate])))

    return functional(k, body)


@add("residual blocks", data="color")
def residual(k: Any) -> Any:
    layers = k.layers

    def body(image: Any) -> Any:
        x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(image)
        for _ in range(2):
            inside = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
            x = layers.Add()([x, layers.Conv2D(16, 3, padding="same", use_bias=False)(inside)])
        return layers.Flatten()(layers.AveragePooling2D(2)(x))

    return functional(k, body, COLOR)


@add("an inception block", data="color")
def inception(k: Any) -> Any:
    layers = k.layers

    def body(image: Any) -> Any:
        x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
        branches = [layers.Conv2D(8, size, padding="same", activation="relu")(x) for size in (1, 3, 5)]
        pooled = layers.Conv2D(8, 1)(layers.MaxPooling2D(3, 1, padding="same")(x))
        return layers.Flatten()(layers.MaxPooling2D(2)(layers.Concatenate()([*branches, pooled])))

    return functional(k, body, COLOR)


@add("dense blocks, as DenseNet", data="color")
def densely_connected(k: Any) -> Any:
    layers = k.layers

    def body(image: Any) -> Any:
        x = layers.Conv2D(8, 3, strides=2, padding="same")(image)
        for _ in range(3):
            inside = layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1.001e-5)(x))
            x = layers.Concatenate()([x, layers.Conv2D(8, 3, padding="same")(inside)])
        return layers.GlobalMaxPooling2D()(x)

    return functional(k, body, COLOR)


@add("inverted residuals, as MobileNetV2", data="color", pixels="-1..1")
def inverted_residuals(k: Any) -> Any:
    layers = k.layers

    def body(image: Any) -> Any:
        x = layers.ReLU(6.0)(layers.Conv2D(12, 3, strides=2, padding="same")(image))
        for _ in range(2):
            inside = layers.ReLU(6.0)(layers.Conv2D(48, 1)(x))
            inside = layers.ZeroPadding2D(((0, 2), (0, 2)))(inside)
            inside = layers.ReLU(6.0)(layers.DepthwiseConv2D(3)(inside))
            x = layers.Add()([x, layers.Conv2D(12, 1)(inside)])
        return layers.GlobalMaxPooling2D()(layers.Conv2D(64, 1, activation="relu")(x))

    return functional(k, body, COLOR)


@add("global average and max pools, joined")
def global_pools(k: Any) -> Any:
    layers = k.layers

    def body(image: Any) -> Any:
        x = layers.Conv2D(32, 5, strides=2, activation="relu")(image)
        return layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])

    return functional(k, body)


@add("adaptive pools")
def adaptive_pools(k: Any) -> Any:
    return between(k, k.layers.AdaptiveAveragePooling2D(5), k.layers.AdaptiveMaxPooling2D(3))


@add("SpatialDropout, GaussianNoise, GaussianDropout, AlphaDropout, ActivityRegularization")
def noise(k: Any) -> Any:
    layers = k.layers
    kinds = [layers.SpatialDropout2D(0.1), layers.GaussianNoise(0.05), layers.GaussianDropout(0.1)]
    return between(k, *kinds, layers.AlphaDropout(0.1), layers.ActivityRegularization(l2=1e-6))


@add("Cropping, ZeroPadding, Permute, RepeatVector")
def moved(k: Any) -> Any:
    layers = k.layers
    shape = [layers.Cropping2D(((1, 2), (0, 3))), layers.ZeroPadding2D((2, 1)), layers.Permute((3, 1, 2))]
    return between(k, *shape, layers.Flatten(), layers.Dense(20, activation="relu"), layers.RepeatVector(2))


@add("EinsumDense and Dot, Average, Maximum, Minimum, Subtract")
def merged(k: Any) -> Any:
    layers = k.layers

    def body(image: Any) -> Any:
        x = layers.Reshape((28, 28))(image)
        one, other = (layers.EinsumDense("abc,cd->abd", (28, 16), activation="relu")(x) for _ in range(2))
        kinds = (layers.Average, layers.Maximum, layers.Minimum, layers.Subtract)
        joined = [kind()([one, other]) for kind in kinds]
        return layers.Flatten()(layers.Concatenate()([*joined, layers.Dot(2, normalize=True)([one, other])]))

    return functional(k, body)


@add("shared layers: a Siamese half applied to two parts of an image")
def shared(k: Any) -> Any:
    layers = k.layers

    def body(image: Any) -> Any:
        half = stack(k, (14, 28, 1), layers.Conv2D(8, 3, strides=2, activation="relu"), layers.Flatten())
        return layers.Concatenate()([half(image[:, :14]), half(image[:, 14:])])

    return functional(k, body)


@add("operations of keras.ops between layers: pad, mean, where, split, roll")
def operations(k: Any) -> Any:
    ops = k.ops

    def operation(x: Any) -> Any:
        x = ops.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]])
        first, second = ops.split(x, 2, axis=1)
        x = ops.concatenate([second, ops.roll(first, 1, axis=2)], axis=1)
        return ops.where(x > 0.1, x, 0.1 * x) - ops.mean(x, axis=(1, 2, 3), keepdims=True)

    return after(k, DIGITS, operation)


@add("a Lambda layer", refused=True, trained=False)
def lambda_layer(k: Any) -> Any:
    return between(k, k.layers.Lambda(lambda x: x * 2))


@add("a layer of its maker's own", refused=True, trained=False)
def custom_layer(k: Any) -> Any:
    class Doubled(k.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return 2 * x

    return between(k, Doubled())


@add("a registered layer of its maker's own", refused=True, trained=False)
def registered_layer(k: Any) -> Any:
    @k.saving.register_keras_serializable(package="theirs")
    class Doubled(k.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return 2 * x

    return between(k, Doubled())
