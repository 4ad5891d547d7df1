from collections.abc import Callable, Sequence

class Rewriter:
    def __init__(
        self,
        names: dict[bytes, bytes],
        suffixes: dict[bytes, int],
        packages: list[bytes],
        extensions: list[bytes],
        versions: list[bytes],
        places: list[tuple[str, str, bytes, bytes, tuple[bytes, ...]]],
        resolve: Callable[[str, bytes], bytes],
        /,
    ) -> None: ...
    def rewrite(self, data: bytes, start: int, end: int, spans: Sequence[tuple[int, int, bytes]], /) -> tuple[bytes, dict[str, int]]: ...
