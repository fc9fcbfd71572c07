"""Any bytes as a list of names, a class map, or a list of images."""

from harness import file_of, fuzz, instrumented, refusing

with instrumented():
    from darkpy.errors import DataError
    from darkpy.tasks.detect import find_images
    from darkpy.vision.names import read_map, read_names


def attempt(data: bytes) -> None:
    path = file_of(data, "list.txt")
    with refusing(path, DataError):
        names = read_names(path)
        assert names and all("\n" not in name for name in names)
    with refusing(path, DataError):
        numbers = read_map(path, 1000)
        assert numbers.ndim == 1 and len(numbers) and numbers.min() >= 0 and numbers.max() < 1000
    with refusing(path, DataError):
        assert all(find_images([path]))


if __name__ == "__main__":
    fuzz(attempt)
