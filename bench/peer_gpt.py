# SPDX-License-Identifier: MIT
"""peer_gpt.py -- the GPT of peer_torch.py in PyTorch: whole, or cut into two stages; its data, loss and optimizer."""
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attend(self, x):
        batch, length, width = x.shape
        parts = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class First(nn.Module):
    """Embeddings and the blocks before the cut."""

    def __init__(self, size, cut):
        super().__init__()
        self.tokens = nn.Embedding(size.vocabulary, size.width)
        self.positions = nn.Embedding(size.positions, size.width)
        self.blocks = nn.Sequential(*[Block(size.width, size.heads) for _ in range(cut)])

    def forward(self, tokens):
        return self.blocks(self.tokens(tokens) + self.positions.weight[: tokens.shape[1]])


class Last(nn.Module):
    """The blocks after the cut, the last norm and a head."""

    def __init__(self, size, cut):
        super().__init__()
        self.blocks = nn.Sequential(*[Block(size.width, size.heads) for _ in range(size.layers - cut)])
        self.norm, self.head = nn.LayerNorm(size.width), nn.Linear(size.width, size.vocabulary, bias=False)

    def forward(self, x):
        return self.head(self.norm(self.blocks(x)))


class Whole(nn.Module):
    """The loss of the whole model; the head is the embedding."""

    def __init__(self, size, chunked):
        super().__init__()
        self.first, self.last = First(size, size.layers), Last(size, size.layers)
        self.last.head.weight = self.first.tokens.weight
        self.options = nn.LinearCrossEntropyOptions() if chunked else None

    def before_head(self, tokens):
        return self.last.norm(self.first(tokens))

    def forward(self, tokens, targets):
        x = self.before_head(tokens)
        if self.options is None:
            return loss_of(self.last.head(x), targets)
        return F.linear_cross_entropy(x.flatten(0, 1), self.last.head.weight, targets.flatten(), options=self.options)

    def compiled(self):
        """PyTorch does not compile the chunked head; asked to, it would keep its gradients twice."""
        if self.options is None:
            return torch.compile(self, dynamic=False)
        self.before_head = torch.compile(self.before_head, dynamic=False)
        return self


def loss_of(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def initialize(model, seed=1):
    torch.manual_seed(seed)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.02)
    return model


def optimizer_of(model):
    """AdamW as `sluice train` sets it: decay for matrices only."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=0.001, betas=(0.9, 0.95), eps=1e-8, fused=True)


def batch_of(size):
    """The same minibatch in each step, easy to learn: the loss must fall."""
    count = size.batch * size.length
    stream = (97 * torch.arange(count + 1)) % min(251, size.vocabulary)
    return stream[:-1].view(size.batch, size.length), stream[1:].view(size.batch, size.length)
