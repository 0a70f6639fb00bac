"""A dictionary that does not change, and so can be hashed: what schedules, plans and rules may hold."""

from __future__ import annotations

from typing import Any, ClassVar


class FrozenDict(dict[str, Any]):
    """A dict with a hash; changing it is a TypeError with the class's own `sentence`."""

    sentence: ClassVar[str] = "It does not change; make a new one."

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(self.sentence)

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return type(self), (dict(self),)
