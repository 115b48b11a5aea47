"""Messages to tokens: templates, one BOS, the end of an answer, and templates that refuse a system turn."""

from __future__ import annotations

import pytest
from dressage.run.encoder import ChatEncoder
from dressage.spec.errors import ModelError
from dressage.spec.types import Message, Prompt
from dressage.testing import tiny_tokenizer

ASK = (Message("user", "What is the capital?"),)
LONG = (
    Message("system", "You are helpful."), Message("user", "Hi"), Message("assistant", "Hello."),
    Message("user", "And you?"),
)  # fmt: skip
CHAT = "<|im_start|>user\nWhat is the capital?<|im_end|>\n<|im_start|>assistant\n"
REFUSES_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    "[{{ m.role }}]{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
REFUSES_ALL = "{{ raise_exception('not today') }}"


def encoder(architecture="qwen2", template=None, **settings):
    tokenizer = tiny_tokenizer(architecture, chat_template=template is not False)
    if template:
        tokenizer.chat_template = template
    return ChatEncoder(tokenizer, limit=512, **settings)


def text(made, ids):
    """The text of ids with special tokens shown."""
    return made.tokenizer.decode(list(ids), skip_special_tokens=False)


def test_a_prompt_is_what_the_template_says():
    made = encoder()
    assert text(made, made.prompt(ASK)) == CHAT


def test_all_turns_are_in_a_prompt():
    made = encoder()
    assert text(made, made.prompt(LONG)) == (
        "<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nAnd you?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_prompt_and_answer_are_the_whole_dialogue():
    made = encoder()
    whole = made.tokenizer.apply_chat_template(
        [{"role": "user", "content": ASK[0].content}, {"role": "assistant", "content": "It is Paris."}], tokenize=False
    )
    ids = made.prompt(ASK) + made.answer("It is Paris.")
    assert whole == text(made, ids) + "\n"


def test_an_answer_ends_with_the_end_of_turn_token():
    made = encoder()
    ids = made.answer("Paris")
    assert text(made, ids) == "Paris<|im_end|>"
    assert ids[-1] == made.eos_id
    assert ids.count(made.eos_id) == 1


def test_the_end_of_turn_may_be_another_token_than_the_end_of_text():
    made = encoder(template="{% for m in messages %}{{ m.content }}<|endoftext|>{% endfor %}")
    assert text(made, made.answer("Paris")) == "Paris<|endoftext|>"
    assert made.stop_ids == {made.tokenizer.eos_token_id, made.tokenizer.convert_tokens_to_ids("<|endoftext|>")}


def test_the_models_own_stop_tokens_stop_too():
    assert 77 in encoder(stop_ids=[77]).stop_ids


def test_what_a_template_writes_before_an_answer_is_learnt_with_it():
    made = encoder(template="{% for m in messages %}{% if m.role == 'user' %}Q: {{ m.content }}\nA:{% else %}"
                            " {{ m.content }}<|im_end|>{% endif %}{% endfor %}")  # fmt: skip
    assert text(made, made.prompt(ASK)) == "Q: What is the capital?\nA:"
    assert text(made, made.answer("Paris")) == " Paris<|im_end|>"


def test_without_a_template_a_plain_one_is_used():
    made = encoder(template=False)
    assert text(made, made.prompt(LONG)) == (
        "You are helpful.\nUser: Hi\nAssistant: Hello.<|im_end|>\nUser: And you?\nAssistant:"
    )
    assert text(made, made.answer("Fine.")) == " Fine.<|im_end|>"


@pytest.mark.parametrize("template", [None, False])
@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_there_is_one_bos_where_the_tokenizer_adds_one(architecture, template):
    made = encoder(architecture, template)
    bos = made.tokenizer.bos_token_id
    count = 1 if architecture == "llama" else 0
    for ids in (made.prompt(LONG), made.plain("some text")):
        assert ids.count(bos) == count
        assert (ids[0] == bos) is (count == 1)
    assert made.answer("Paris").count(bos) == 0


def test_a_plain_text_has_no_end():
    made = encoder("llama")
    assert text(made, made.plain("some text")) == "<s>some text"


def test_a_text_to_continue_has_no_template():
    made = encoder()
    assert made.encode(Prompt(text="Once upon")) == made.plain("Once upon")
    assert made.encode(Prompt(ASK)) == made.prompt(ASK)


def test_a_system_turn_is_merged_where_the_template_refuses_it():
    made = encoder(template=REFUSES_SYSTEM)
    assert text(made, made.prompt(LONG)) == (
        "[user]You are helpful.\n\nHi<|im_end|>[assistant]Hello.<|im_end|>[user]And you?<|im_end|>[assistant]"
    )


def test_a_system_turn_alone_is_merged():
    made = encoder(template=REFUSES_SYSTEM)
    assert text(made, made.prompt(LONG[:1])) == "[user]You are helpful.<|im_end|>[assistant]"


def test_a_system_turn_before_an_answer_becomes_a_question():
    made = encoder(template=REFUSES_SYSTEM)
    messages = (LONG[0], LONG[2], LONG[3])
    assert text(made, made.prompt(messages)) == (
        "[user]You are helpful.<|im_end|>[assistant]Hello.<|im_end|>[user]And you?<|im_end|>[assistant]"
    )


def test_a_template_that_writes_no_bos_gets_the_tokenizers():
    made = encoder("llama", template="{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}")
    assert text(made, made.prompt(ASK)) == "<s>What is the capital?<|im_end|>"


@pytest.mark.parametrize("messages", [ASK, LONG])
def test_a_template_that_refuses_a_dialogue_is_an_error(messages):
    made = encoder()
    made.template = REFUSES_ALL
    with pytest.raises(ModelError, match="the chat template refuses a dialogue: not today"):
        made.prompt(messages)


def test_a_tokenizer_without_an_end_is_refused():
    tokenizer = tiny_tokenizer()
    tokenizer.eos_token = None
    with pytest.raises(ModelError, match="no end-of-sequence token"):
        ChatEncoder(tokenizer, limit=8)


def test_a_tokenizer_without_padding_pads_with_its_end():
    tokenizer = tiny_tokenizer()
    tokenizer.pad_token = None
    assert ChatEncoder(tokenizer, limit=8).pad_id == tokenizer.eos_token_id


@pytest.mark.parametrize("words", ["Plain.", "今日は 🙂", "السلام عليكم", "tab\there\n\nand there", " spaces  "])
def test_decoding_gives_the_text_back(words):
    made = encoder()
    assert made.decode(made.answer(words)) == words


def test_a_template_is_rendered_once_a_dialogue():
    made = encoder()
    made.prompt(ASK)
    made.template = REFUSES_ALL
    assert text(made, made.prompt(ASK)) == CHAT
