"""The contract of a family of models: what it declares, held against the model's own forward."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Unpack

import numpy as np
import torch

from lesion.damage.lesion import Lesion
from lesion.models import anatomy
from lesion.models.families import find_family
from lesion.models.families.base import Family
from lesion.models.inputs import Batcher
from lesion.models.load import load_model, load_tokenizer
from lesion.models.parts import PARTS, SIX_MATRICES
from lesion.models.places import layer_count
from lesion.scoring.scorer import Scorer
from lesion.tasks.tokens import longest_input
from lesion.testing.forward import (
    at_own_positions,
    blank_input,
    erase,
    first_site,
    has_module,
    logits,
    seen,
)
from lesion.testing.reading import TEXTS, Reading
from lesion.testing.results import Options, Result, SkippedError, require, run_checks
from lesion.testing.surroundings import loads_no_torch

CPU = torch.device("cpu")
DAMAGE = ("weights", "neurons", "heads", "dimensions", "layers")


def check_family(
    family: Family,
    folders: Mapping[str, Path | str],
    *,
    texts: Sequence[tuple[str, str]] = TEXTS,
    module: str = "",
    language: str = "en",
    **options: Unpack[Options],
) -> list[Result]:
    """Check a family on small models whose every parameter is random.

    Args:
        family: the object.
        folders: head ("classification", "mlm" or "causal") -> a folder of a model with this head.
        texts: pairs of texts that the tokenizer of the models reads.
        module: the module that defines the family, for the check of what it loads.
        language: of the texts.
        options: see `lesion.testing.results.Options`.

    Raises:
        ContractError: if a check failed.
    """
    suite = _Suite(family, {head: str(path) for head, path in folders.items()}, texts, language)
    each = suite.with_every_head
    checks = {
        "it is found by the model_type of its models": each(suite.is_found),
        "its parts are known and have the six matrices": suite.parts_are_known,
        "its models have the heads that it declares": each(suite.has_head),
        "every number belongs to exactly one site": each(suite.sites_cover_all),
        "every layer has its six matrices": each(suite.layers_have_six_matrices),
        "biases is right": each(suite.biases_is_right),
        "causal is right": each(suite.causal_is_right),
        "the longest input is read": each(suite.longest_input_is_read),
        "without values attention gives the bias of its output": each(suite.values_are_values),
        "a head is a slice of values and of the output's input": each(suite.heads_are_slices),
        "a neuron is an output of mlp_in and an input of mlp_out": each(suite.neurons_are_rows),
        "scores equal the forward of single examples": each(suite.forward_is_equal),
        "the fast forward pass is used for the heads that it has": each(suite.fast_is_used),
        "the fast forward pass is equal, intact and damaged": each(suite.fast_is_equal),
        "loading its module loads no torch": lambda: loads_no_torch(module or _module_of(family)),
    }
    return run_checks(f"Family {family.word}", checks, **options)


def _module_of(family: Family) -> str:
    """The module in which its functions are defined."""
    fast = family.fast
    functions: list[Any] = [family.register, *([fast.embed, *fast.heads.values()] if fast else [])]
    modules = [function.__module__ for function in functions if inspect.isfunction(function)]
    if not modules:
        raise SkippedError("no function of the family names a module: give it as module=")
    return str(modules[-1])


class _Suite:
    def __init__(
        self,
        family: Family,
        folders: Mapping[str, str],
        texts: Sequence[tuple[str, str]],
        language: str,
    ) -> None:
        self.family, self.folders = family, folders
        self.texts, self.language = texts, language
        self.tokenizer = cache(lambda head: load_tokenizer(folders[head]))

    def with_every_head(self, check: Callable[[str], None]) -> Callable[[], None]:
        """A check of the models of every head."""

        def run() -> None:
            for head in self.folders:
                check(head)

        return run

    def model(self, head: str) -> Any:
        """A model that the check may change."""
        return load_model(self.folders[head], head=head)

    def inputs(self, head: str, model: Any, number: int = 0) -> dict[str, torch.Tensor]:
        """The first text of a pair as the model's forward takes it."""
        row = {"input_ids": self.tokenizer(head)(self.texts[number][0])["input_ids"]}
        return Batcher(self.tokenizer(head), model.config, self.language, CPU)([row])

    def reading(self, head: str) -> Reading:
        return Reading(head, tuple(self.texts), self.language)

    def is_found(self, head: str) -> None:
        kind = self.model(head).config.model_type
        require(kind == self.family.word, f"Its word is {self.family.word}, model_type {kind}.")
        require(find_family(kind) == self.family, f"{kind} leads to another family.")

    def parts_are_known(self) -> None:
        listed = {*self.family.body, *self.family.head}
        require(listed <= set(PARTS), f"There are no such parts: {listed - set(PARTS)}.")
        missing = set(SIX_MATRICES) - set(self.family.body)
        require(not missing, f"Its body lacks {missing}.")

    def has_head(self, head: str) -> None:
        part = "classifier" if head == "classification" else "mlm_head"
        model, listed = self.model(head), self.family.head.get(part, ())
        require(listed, f"Its heads lack {part}.")
        there = [path for path in listed if has_module(model, path)]
        require(there, f"A model with head {head} has none of {', '.join(listed)}.")

    @torch.no_grad()
    def sites_cover_all(self, head: str) -> None:
        model = self.model(head)
        for parameter in model.parameters():
            parameter.zero_()
        for site in anatomy.sites(model):
            for tensor in (site.weight, site.bias):
                if tensor is not None:
                    tensor.add_(1)
        times = {name: tensor.unique().tolist() for name, tensor in model.named_parameters()}
        wrong = {name: counts for name, counts in times.items() if counts != [1.0]}
        require(not wrong, f"Head {head}: sites that hold each number: {wrong}.")

    def layers_have_six_matrices(self, head: str) -> None:
        model = self.model(head)
        for layer in range(layer_count(model)):
            for part in SIX_MATRICES:
                sites = anatomy.select_sites(model, (layer,) if layer else "all", (part,))
                at = {site.layer for site in sites}
                require(layer in at, f"Layer {layer} has no {part}.")

    def biases_is_right(self, head: str) -> None:
        matrices = anatomy.select_sites(self.model(head), "all", SIX_MATRICES)
        without = [site.path for site in matrices if site.bias is None]
        require(self.family.biases == (not without), f"Matrices without a bias: {without}.")

    def causal_is_right(self, head: str) -> None:
        """Whether what is read at the first token depends on the last."""
        if head == "classification":
            return  # its logits are of the whole text
        model = self.model(head)
        inputs = self.inputs(head, model)
        other = {**inputs, "input_ids": inputs["input_ids"].clone()}
        other["input_ids"][0, -1] = other["input_ids"][0, 0]
        require(not torch.equal(inputs["input_ids"], other["input_ids"]), "Give longer texts.")
        first, second = (logits(model, given)[0, 0] for given in (inputs, other))
        same = torch.allclose(first, second, atol=1e-6)
        require(same == self.family.causal, f"causal is {self.family.causal}.")

    def longest_input_is_read(self, head: str) -> None:
        model = self.model(head)
        endless = SimpleNamespace(model_max_length=10**30)
        limit = longest_input(endless, model.config)
        if limit > 4096:
            raise SkippedError(f"its longest input, {limit}, is too long for a check")
        ids = self.inputs(head, model)["input_ids"][0, :1].tolist() * limit
        batch = Batcher(self.tokenizer(head), model.config, self.language, CPU)
        given = batch([{"input_ids": ids}])
        require(torch.isfinite(logits(model, given)).all(), f"{limit} tokens are not finite.")

    @torch.no_grad()
    def values_are_values(self, head: str) -> None:
        model = self.model(head)
        output = first_site(model, "attention_output")
        inputs = self.inputs(head, model)
        bias = torch.zeros(output.module(*blank_input(output)).shape[-1])
        bias = bias if output.bias is None else output.bias.detach()
        before = seen(model, output.module, inputs, "out")
        require(not torch.allclose(before, bias, atol=1e-3), "Attention does nothing.")
        for site in anatomy.select_sites(model, "all", ("value",)):
            erase(site)
        after = seen(model, output.module, inputs, "out")
        require(torch.allclose(after, bias, atol=1e-6), "Without values attention goes on.")

    @torch.no_grad()
    def heads_are_slices(self, head: str) -> None:
        model = self.model(head)
        value, output = first_site(model, "value"), first_site(model, "attention_output")
        require(value.heads and output.heads, "value and attention_output have no heads.")
        size = value.weight.shape[value.axis] // value.heads
        if value.heads < 2:
            raise SkippedError("give a model of several heads")
        value.weight.narrow(value.axis, size, size).zero_()
        if value.bias is not None:
            value.bias.narrow(0, size, size).zero_()
        entering = seen(model, output.module, self.inputs(head, model), "in")
        alive = entering.reshape(len(entering), output.heads, size).abs().amax((0, 2)) > 0
        shared = output.heads // value.heads
        expected = [number // shared != 1 for number in range(output.heads)]
        require(alive.tolist() == expected, "The second head of the values is not the output's.")

    @torch.no_grad()
    def neurons_are_rows(self, head: str) -> None:
        for index in range(len(anatomy.select_sites(self.model(head), "all", ("mlp_in",)))):
            model = self.model(head)
            site = anatomy.select_sites(model, "all", ("mlp_in",))[index]
            outputs = anatomy.select_sites(model, "all", ("mlp_out",))
            output = next(other for other in outputs if other.layer == site.layer)
            assert site.weight is not None
            site.weight.select(site.axis, 3).zero_()
            if site.bias is not None:
                site.bias[3] = 0
            entering = seen(model, output.module, self.inputs(head, model), "in")
            dead = (entering == 0).all(0).nonzero().flatten().tolist()
            require(dead == [3], f"Without neuron 3 of {site.path}, mlp_out lacks {dead}.")

    def forward_is_equal(self, head: str) -> None:
        """Batches of any size, padded, give what the model gives for each text alone."""
        model, task = self.model(head), self.reading(head)
        tokenizer = self.tokenizer(head)
        rows = task.encode(tokenizer, model.config).rows
        batch = Batcher(tokenizer, model.config, self.language, CPU)
        alone = [task.reduce(at_own_positions(logits(model, batch([row])), row), [row])[0].numpy()
                 for row in rows]  # fmt: skip
        for tokens in (1, 40, 4096):
            outputs = Scorer(model, tokenizer, task, tokens, fast=False)()
            difference = np.abs(outputs - np.stack(alone)).max()
            require(difference <= 1e-4, f"Head {head}: batches of {tokens}: {difference:.2g}.")

    def fast_is_used(self, head: str) -> None:
        declared = bool(self.family.fast and head in self.family.fast.heads)
        reason = Scorer(self.model(head), self.tokenizer(head), self.reading(head)).fallback_reason
        require(declared == (not reason), f"Head {head}: {reason or 'fast, but not declared'}.")

    def fast_is_equal(self, head: str) -> None:
        if not (self.family.fast and head in self.family.fast.heads):
            return
        model, tokenizer, task = self.model(head), self.tokenizer(head), self.reading(head)
        fast, own = (Scorer(model, tokenizer, task, fast=fast) for fast in (True, False))
        self._compare(fast, own, f"Head {head}, intact")
        intact = fast()
        for units in DAMAGE:
            with Lesion(units).applied(model, 0.5):
                self._compare(fast, own, f"Head {head}, {units} damaged")
        require(np.array_equal(fast(), intact), "The intact scores changed after damage.")

    @staticmethod
    def _compare(fast: Scorer, own: Scorer, where: str) -> None:
        difference = np.abs(fast() - own()).max()
        require(difference <= 1e-4, f"{where}: the fast outputs differ by {difference:.2g}.")
