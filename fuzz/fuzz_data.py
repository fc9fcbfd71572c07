"""Any bytes as a .data file: options, or lines that name the file."""

from harness import file_of, fuzz, instrumented, refusing

with instrumented():
    from darkpy import datafile
    from darkpy.errors import DataError
    from darkpy.tasks.lint import lint


def attempt(data: bytes) -> None:
    path = file_of(data, "d.data")
    with refusing(path, DataError):
        found = datafile.read(path)
        assert found.config.classes is None or found.config.classes >= 1
        for key in datafile.FILES:
            if getattr(found.config, key):
                with refusing(path, DataError):
                    assert found.find(key).exists()
    for report in lint([path]):
        assert all(line.startswith(path) for line in report.errors + report.warnings)


if __name__ == "__main__":
    fuzz(attempt)
