"""Any bytes as a .cfg: a graph within the bounds, which is read back as it was written, or lines that name the file."""

from harness import file_of, fuzz, instrumented, refusing

with instrumented():
    from darkpy import cfg
    from darkpy.build import MAX_NUMBERS, read
    from darkpy.errors import CfgError
    from darkpy.layers.base import flat
    from darkpy.tasks.lint import lint


def attempt(data: bytes) -> None:
    path = file_of(data, "n.cfg")
    with refusing(path, CfgError):
        graph = read(path)
        assert all(0 < flat(layer.out_shape) <= MAX_NUMBERS for layer in graph.layers)
        assert graph.n_params <= MAX_NUMBERS
        again = cfg.parse(cfg.dump(graph.sections), path)
        assert [(s.kind, s.get(key)) for s in again for key in s.options] == [
            (s.kind, s.get(key)) for s in graph.sections for key in s.options]
    for report in lint([path]):
        assert all(line.startswith(path) for line in report.errors + report.warnings)


if __name__ == "__main__":
    fuzz(attempt)
