# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Go's `text/template` with sprig and the functions of the Go kwok, compiled once into Python closures.

template = compile_template("phase: {{ .status.phase | Quote }}", kwok_functions())
template.render(pod)
"""

from kwok_controller.expressions.gotemplate.compile import Template, compile_template
from kwok_controller.expressions.gotemplate.errors import (
    FunctionError,
    TemplateError,
    TemplateExecutionError,
    TemplateLimitError,
    TemplateSyntaxError,
)
from kwok_controller.expressions.gotemplate.functions import Function, Functions, LeftOut, fn
from kwok_controller.expressions.gotemplate.kwok import kwok_functions
from kwok_controller.expressions.gotemplate.limits import Limits

__all__ = [
    "Function",
    "FunctionError",
    "Functions",
    "LeftOut",
    "Limits",
    "Template",
    "TemplateError",
    "TemplateExecutionError",
    "TemplateLimitError",
    "TemplateSyntaxError",
    "compile_template",
    "fn",
    "kwok_functions",
]
