"""Options of components: pydantic models, and `Use[...]` for a component inside a component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import core_schema

if TYPE_CHECKING:
    from dressage.spec.components import Component
    from dressage.spec.plan import Planned


class Options(BaseModel):
    """The base of every options model: frozen, and an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        validate_default=True,
        use_attribute_docstrings=True,
    )


class NoOptions(Options):
    """For a component that has nothing to set."""


C = TypeVar("C", bound="Component[Any]")


class Use(Generic[C]):
    """An option that names another component: `source: Use[Reward]` reads `toxicity` or `{use: toxicity, with: {...}}`.

    The host looks the name up in the catalog of that kind, validates `with` against its options, and puts the result
    in `planned`; a component turns it into an instance with `ctx.build(self.options.source)`.
    """

    __slots__ = ("planned", "use", "with_")

    def __init__(self, use: str, with_: dict[str, Any] | None = None) -> None:
        self.use = use
        self.with_ = with_ or {}
        self.planned: Planned | None = None

    def __repr__(self) -> str:
        return f"Use({self.use!r}, {self.with_!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Use) and (self.use, self.with_) == (other.use, other.with_)

    def __hash__(self) -> int:
        return hash(self.use)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        shape = core_schema.typed_dict_schema(
            {
                "use": core_schema.typed_dict_field(core_schema.str_schema()),
                "with": core_schema.typed_dict_field(
                    core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema()), required=False
                ),
            },
            extra_behavior="forbid",
        )
        text = core_schema.no_info_after_validator_function(
            lambda name: cls(name), core_schema.str_schema(min_length=1)
        )
        mapping = core_schema.no_info_after_validator_function(lambda d: cls(d["use"], d.get("with")), shape)

        def parse(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
            return value if isinstance(value, Use) else validate(value)

        return core_schema.no_info_wrap_validator_function(
            parse,
            core_schema.tagged_union_schema(
                {"text": text, "mapping": mapping},
                discriminator=lambda value: "text" if isinstance(value, str) else "mapping",
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda use: {"use": use.use, "with": dict(use.with_)} if use.with_ else use.use
            ),
        )


def kind_of_use(annotation: Any) -> type[Component[Any]] | None:
    """The component class inside a `Use[...]` annotation, or None for any other annotation."""
    if getattr(annotation, "__origin__", None) is Use:
        return get_args(annotation)[0]  # type: ignore[no-any-return]
    return None
