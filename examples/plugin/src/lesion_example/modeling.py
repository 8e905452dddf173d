"""A tiny encoder of its own architecture, and a function that makes one at random.

python -m lesion_example.modeling FOLDER
"""

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from torch.nn import functional
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.modeling_outputs import MaskedLMOutput

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = "a bird boat cat dog fast field hill house in is on over ran sang sat stone swam the water"


class PebbleConfig(PretrainedConfig):
    """Sizes of a model."""

    model_type = "pebble"

    def __init__(self, vocab_size: int = 25, hidden_size: int = 16, **rest: object) -> None:
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.intermediate_size, self.hidden_act = 24, "gelu"
        self.num_hidden_layers, self.num_attention_heads = 2, 4
        self.max_position_embeddings = 32
        super().__init__(**rest)


class PebbleLayer(nn.Module):
    """Attention and MLP, each added to the stream and normalised."""

    def __init__(self, config: PebbleConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.output = nn.Linear(width, width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.heads = config.num_attention_heads

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The states after this layer."""
        q, k, v = (
            part(states).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        states = self.norm_1(states + self.output(attended.transpose(1, 2).flatten(2)))
        return self.norm_2(states + self.down(functional.gelu(self.up(states))))


class PebbleModel(PreTrainedModel):
    """The encoder without a head."""

    config_class, base_model_prefix = PebbleConfig, "pebble"

    def __init__(self, config: PebbleConfig) -> None:
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size)
        self.layers = nn.ModuleList(PebbleLayer(config) for _ in range(config.num_hidden_layers))
        self.post_init()

    def embed(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Words and their positions."""
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        return self.norm(self.words(input_ids) + self.positions(positions))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """The states behind the last layer."""
        states, mask = self.embed(input_ids), attention_mask[:, None, None, :].bool()
        for layer in self.layers:
            states = layer(states, mask)
        return states


class PebbleForMaskedLM(PreTrainedModel):
    """The encoder with an output layer over its words."""

    config_class, base_model_prefix = PebbleConfig, "pebble"

    def __init__(self, config: PebbleConfig) -> None:
        super().__init__(config)
        self.pebble = PebbleModel(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        """The output layer."""
        return self.decoder

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **rest: object
    ) -> MaskedLMOutput:
        """Logits of all words at every position."""
        return MaskedLMOutput(logits=self.decoder(self.pebble(input_ids, attention_mask)))


def make_model(folder: Path, seed: int = 0) -> Path:
    """Write a model whose every parameter is random, and its tokenizer."""
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS.split()))}
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        model = PebbleForMaskedLM(PebbleConfig(vocab_size=len(vocabulary)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    model.save_pretrained(folder)
    _tokenizer(vocabulary).save_pretrained(folder)
    return folder


def _tokenizer(vocabulary: dict[str, int]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    roles = dict(zip(names, SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=32, **roles)


if __name__ == "__main__":
    print(make_model(Path(sys.argv[1])))
