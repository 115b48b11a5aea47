"""A tiny text classifier, made on the spot."""

import pytest

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "horse", "the", "a"]


@pytest.fixture(scope="session")
def save_classifier(tmp_path_factory):
    """Saves a tiny BERT with the given labels to a folder; `bad` in a text raises the last label."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    def save(*labels, **config):
        folder = tmp_path_factory.mktemp("classifier")
        torch.manual_seed(0)
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        names = dict(enumerate(labels))
        numbers = {name: i for i, name in names.items()}
        made = BertConfig(
            vocab_size=len(WORDS),
            max_position_embeddings=24,
            id2label=names,
            label2id=numbers,
            **sizes,
            **config,
        )
        BertForSequenceClassification(made).eval().save_pretrained(folder)
        BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
        return folder

    return save
