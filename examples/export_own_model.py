"""Train a Keras model of your own on your own pictures and export it: python export_own_model.py DATA DIR

DATA is any data set that edgecnn reads: an .npz file, a folder of IDX files, a folder of train/LABEL/*.png and
test/LABEL/*.png. DIR becomes a model folder with model.onnx, which `edgecnn export DIR --quantize`, `edgecnn bench DIR`
and `edgecnn predict PICTURE --model DIR` take up.
"""

import sys
from pathlib import Path
from typing import Any

import edgecnn

EPOCHS = 5


def main(data: str, directory: str) -> None:
    dataset, folder = edgecnn.load(data), Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    model = train(dataset)
    model.save(folder / "model.keras")
    exported = edgecnn.export(folder / "model.keras", data=data)
    print(f"{exported.path} gives the same answers as Keras on {exported.verified_on}")
    print(f"test accuracy {exported.record.accuracy}")


def train(dataset: edgecnn.Dataset) -> Any:
    """Any Keras model will do. This one takes pixels from 0 to 255: the scaling is part of it, so nobody forgets it."""
    import keras
    from keras import layers

    height, width, *channels = dataset.image_shape
    model = keras.Sequential(
        [
            keras.Input(dataset.image_shape, dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Reshape((height, width, *(channels or [1]))),
            layers.Conv2D(8, 5, strides=2, activation="relu"),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(len(dataset.labels), activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    fresh = (dataset.validation.images, dataset.validation.labels)
    model.fit(dataset.train.images, dataset.train.labels, epochs=EPOCHS, validation_data=fresh, verbose=2)
    return model


if __name__ == "__main__":
    main(*sys.argv[1:])
