"""What plugins see: types, components, hook specs, errors. Imports pydantic and pluggy, never torch."""
