"""The fixtures that all tests share."""

from shared_fixtures import edgecnn, exported, few_digits, mnist, pi, pi_python, small_mnist, tiny

__all__ = ["edgecnn", "exported", "few_digits", "mnist", "pi", "pi_python", "small_mnist", "tiny"]
