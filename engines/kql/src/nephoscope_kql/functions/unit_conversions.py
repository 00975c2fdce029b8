"""Units: conversions of length, mass, temperature and more, and sizes in bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType

from sqlglot import exp

from nephoscope_kql.functions.declaration import apply_routine, declare_macro
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.sql import nodes

FACTORS: MappingProxyType[str, MappingProxyType[str, float]] = MappingProxyType(
    {
        "length": MappingProxyType(
            {
                "angstrom": 1e-10,
                "astronomicalunit": 149597870700.0,
                "attometer": 1e-18,
                "centimeter": 0.01,
                "chain": 20.1168,
                "datamile": 1828.8,
                "decameter": 10.0,
                "decimeter": 0.1,
                "femtometer": 1e-15,
                "foot": 0.3048,
                "hectometer": 100.0,
                "inch": 0.0254,
                "kilofoot": 304.8,
                "kilometer": 1000.0,
                "kiloparsec": 3.0856775814913673e19,
                "lightyear": 9460730472580800.0,
                "megameter": 1e6,
                "meter": 1.0,
                "microinch": 2.54e-8,
                "micrometer": 1e-6,
                "mil": 2.54e-5,
                "mile": 1609.344,
                "millimeter": 0.001,
                "nanometer": 1e-9,
                "nauticalmile": 1852.0,
                "parsec": 3.0856775814913673e16,
                "picometer": 1e-12,
                "shackle": 27.432,
                "twip": 0.0254 / 1440,
                "ussurveyfoot": 1200 / 3937,
                "yard": 0.9144,
            }
        ),
        "mass": MappingProxyType(
            {
                "centigram": 1e-5,
                "decagram": 0.01,
                "decigram": 1e-4,
                "grain": 6.479891e-5,
                "gram": 0.001,
                "hectogram": 0.1,
                "kilogram": 1.0,
                "kilopound": 453.59237,
                "kilotonne": 1e6,
                "longton": 1016.0469088,
                "megatonne": 1e9,
                "microgram": 1e-9,
                "milligram": 1e-6,
                "nanogram": 1e-12,
                "ounce": 0.028349523125,
                "pound": 0.45359237,
                "shortton": 907.18474,
                "slug": 14.593902937206364,
                "stone": 6.35029318,
                "tonne": 1000.0,
            }
        ),
        "angle": MappingProxyType(
            {
                "arcminute": math.pi / 10800,
                "arcsecond": math.pi / 648000,
                "degree": math.pi / 180,
                "gradian": math.pi / 200,
                "radian": 1.0,
                "revolution": 2 * math.pi,
                "milliradian": 0.001,
                "microradian": 1e-6,
                "tilt": math.pi / 2,
            }
        ),
        "energy": MappingProxyType(
            {
                "joule": 1.0,
                "kilojoule": 1e3,
                "megajoule": 1e6,
                "gigajoule": 1e9,
                "calorie": 4.184,
                "kilocalorie": 4184.0,
                "watthour": 3600.0,
                "kilowatthour": 3.6e6,
                "megawatthour": 3.6e9,
                "gigawatthour": 3.6e12,
                "electronvolt": 1.602176634e-19,
                "erg": 1e-7,
                "millijoule": 1e-3,
                "britishthermalunit": 1055.05585262,
            }
        ),
        "force": MappingProxyType(
            {
                "newton": 1.0,
                "kilonewton": 1e3,
                "meganewton": 1e6,
                "micronewton": 1e-6,
                "millinewton": 1e-3,
                "dyn": 1e-5,
                "kilogramforce": 9.80665,
                "poundforce": 4.4482216152605,
                "poundal": 0.138254954376,
                "tonneforce": 9806.65,
                "ounceforce": 0.27801385095378125,
                "decanewton": 10.0,
                "kilopond": 9.80665,
            }
        ),
        "speed": MappingProxyType(
            {
                "meterpersecond": 1.0,
                "kilometerperhour": 1 / 3.6,
                "mileperhour": 0.44704,
                "knot": 1852 / 3600,
                "footpersecond": 0.3048,
                "kilometerpersecond": 1000.0,
                "centimeterpersecond": 0.01,
                "mach": 340.29,
                "meterperminute": 1 / 60,
                "meterperhour": 1 / 3600,
                "inchpersecond": 0.0254,
                "footperminute": 0.3048 / 60,
                "kilometerperminute": 1000 / 60,
                "millimeterpersecond": 0.001,
            }
        ),
        "volume": MappingProxyType(
            {
                "cubicmeter": 1.0,
                "liter": 1e-3,
                "milliliter": 1e-6,
                "centiliter": 1e-5,
                "deciliter": 1e-4,
                "hectoliter": 0.1,
                "kiloliter": 1.0,
                "cubiccentimeter": 1e-6,
                "cubicmillimeter": 1e-9,
                "cubicdecimeter": 1e-3,
                "cubickilometer": 1e9,
                "cubicfoot": 0.028316846592,
                "cubicinch": 1.6387064e-5,
                "cubicyard": 0.764554857984,
                "cubicmile": 4168181825.440579584,
                "usgallon": 0.003785411784,
                "imperialgallon": 0.00454609,
                "uspint": 0.000473176473,
                "usquart": 0.000946352946,
                "usounce": 2.95735295625e-5,
                "imperialounce": 2.84130625e-5,
                "oilbarrel": 0.158987294928,
                "microliter": 1e-9,
            }
        ),
    }
)


def _make_converter(family: str) -> ScalarFunction:
    factors = FACTORS[family]

    def build_node(call: Arguments) -> exp.Expr:
        source, into = (factors.get(call.get_text(place).lower()) for place in (1, 2))
        if source is None or into is None:
            raise call.make_unsupported_error(f"this unit of {family}", 1 if source is None else 2)
        scaled = nodes.build_binary("*", call[0], nodes.build_number(source))
        return nodes.build_binary("/", scaled, nodes.build_number(into))

    return declare_function(
        f"convert_{family}(value: real, from: const string, to: const string): real", nullable=False
    )(_describe_builder(build_node, f"Convert a {family} from one unit to another."))


def _describe_builder(
    builder: Callable[[Arguments], exp.Expr], summary: str
) -> Callable[[Arguments], exp.Expr]:
    builder.__doc__ = summary
    builder.__module__ = __name__
    return builder


convert_length, convert_mass, convert_angle, convert_energy, convert_force, convert_speed, convert_volume = (
    _make_converter(family) for family in FACTORS
)
_SCALES = MappingProxyType(
    {
        "kelvin": (1.0, 0.0),
        "degreecelsius": (1.0, 273.15),
        "degreefahrenheit": (5 / 9, 459.67 * 5 / 9),
        "degreerankine": (5 / 9, 0.0),
        "degreereaumur": (1.25, 273.15),
        "degreenewton": (100 / 33, 273.15),
        "degreedelisle": (-2 / 3, 373.15),
        "degreeroemer": (40 / 21, 273.15 - 7.5 * 40 / 21),
        "millidegreecelsius": (0.001, 273.15),
    }
)


@declare_function(
    "convert_temperature(value: real, from: const string, to: const string): real", nullable=False
)
def convert_temperature(call: Arguments) -> exp.Expr:
    """Convert a temperature from one scale to another."""
    source, into = (_SCALES.get(call.get_text(place).lower()) for place in (1, 2))
    if source is None or into is None:
        raise call.make_unsupported_error("this scale of temperature", 1 if source is None else 2)
    kelvin = nodes.build_binary(
        "+", nodes.build_binary("*", call[0], nodes.build_number(source[0])), nodes.build_number(source[1])
    )
    return nodes.build_binary(
        "/", nodes.build_binary("-", kelvin, nodes.build_number(into[1])), nodes.build_number(into[0])
    )


_BYTES = ("Bytes", "KB", "MB", "GB", "TB", "PB", "EB")
_FORMAT_BYTES = declare_macro(
    "kql_format_bytes(x, p, u)",
    "CASE WHEN abs(x) < 1e31 THEN regexp_replace(CAST(CAST(round(x / pow(1024, u), p) AS DECIMAL(38,6)) AS "
    "VARCHAR), '\\.?0+$', '') ELSE CAST(x AS VARCHAR) END",
)


@declare_function(
    "format_bytes(size: real, [precision: const long], [units: const string]): string", nullable=False
)
def format_bytes(call: Arguments) -> exp.Expr:
    """Write a number of bytes with a unit."""
    digits = call.get_value(1) if len(call) > 1 else 0
    if not isinstance(digits, int) or not 0 <= digits <= 6:
        raise call.make_unsupported_error("a precision outside 0 to 6", 1)

    def write_unit(place: int) -> exp.Expr:
        number = apply_routine(
            call, _FORMAT_BYTES, call[0], nodes.build_number(digits), nodes.build_number(place)
        )
        return nodes.build_binary("||", number, nodes.build_text(f" {_BYTES[place]}"))

    if len(call) > 2:
        named = [place for place, unit in enumerate(_BYTES) if unit.lower() == call.get_text(2).lower()]
        if not named:
            raise call.make_error(2, f"the unit must be one of {', '.join(_BYTES)}")
        return write_unit(named[0])
    size = nodes.build_call("abs", call[0])
    steps = [
        (nodes.build_binary("<", size, nodes.build_number(1024.0 ** (place + 1))), write_unit(place))
        for place in range(6)
    ]
    return nodes.build_case(*steps, otherwise=write_unit(6))
