"""The few sentences an agent says that are not quoted from a passage, and when it says them: greetings, thanks,
"who are you", "let me talk to a person". All of them are here, so that one look shows what can be said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.api.types import AnswerBand
from services.gateways.agents import AgentSpec, Answer
from services.gateways.passage_index import variants_of

HELLO = "Hello. What would you like to know?"
MACHINE = "I am a program, not a person. I answer by quoting my own documents."
WELCOME = "You are welcome."
GOODBYE = "Goodbye."
NO_QUESTION = "I could not find a question in that."
WHICH_ONE = "I am not sure what you mean. Is it one of these?"
NOT_KNOWN = "I have no passage that answers this."

MAX_CHOICES = 3

_GREETING = r"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day))(?: there| all| everyone)?"
_ASKING = (
    r"(?:(?:can|could|may) (?:i|we|you)|(?:i|we) (?:want|need|wish|have|would like|d like|would rather|prefer)(?: to)?"
    r"|id like to|how (?:can|do) i|let me|please|is it possible to)"
)
_PERSON = (
    r"(?:an? |some |the )?(?:real |actual |live )?(?:human(?: being)?|person|someone|somebody|operator|agent)(?: real)?"
)
_REACHING = (
    r"(?:(?:talk|speak|chat)(?: directly)?(?: (?:to|with))?|reach|contact|get(?: me)?|ask for|connect me (?:to|with))"
)

PATTERNS = {
    "greeting": rf"{_GREETING}(?: how are you(?: doing)?(?: today)?)?|how are you(?: doing)?(?: today)?|whats up",
    "abilities": r"help(?: me)?(?: please)?|start|menu|who are you|what are you|what(?:s| is) your name"
    r"|what (?:can|do) you (?:do|know|offer|help(?: me)? with)(?: for (?:me|us))?|how can you help(?: me| us)?"
    r"|what can i ask(?: you)?|introduce yourself|tell me about yourself",
    "machine": r"are you (?:an? )?(?:real |actual )?(?:human|person|robot|bot|machine|ai|computer|program|real)"
    r"|am i (?:talking|speaking|chatting) (?:to|with) (?:an? )?(?:real )?(?:human|person|robot|bot|machine)",
    "thanks": r"(?:ok |okay |great |perfect )*(?:thanks|thank you|thx|ty|cheers|much appreciated)"
    r"(?: (?:a lot|so much|very much|again|for (?:your|the) help))*|ok|okay|great|perfect|cool|nice|got it",
    "goodbye": r"(?:bye|goodbye|bye bye|see you|see ya|good night)(?: later| soon| then)?",
    "person": rf"(?:{_ASKING} )*{_REACHING} {_PERSON}(?: please| now| directly| instead)*"
    rf"|(?:real )?(?:human|person|operator)(?: (?:please|now))*|{_ASKING} {_PERSON}(?: please)?",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}
_LEADING_GREETING = re.compile(rf"^\W*{_GREETING}\b[\s,.!:;-]+(?=\w)", re.IGNORECASE)


def small_talk(spec: AgentSpec, words: Sequence[str]) -> Answer | None:
    """The reply to a message that asks nothing of the passages; None when it does."""
    said = " ".join(words)
    kind = next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(said)), "") if said else "nothing"
    if not kind:
        return None
    if kind == "person":
        return Answer(AnswerBand.UNKNOWN, spec.handover or NOT_KNOWN)
    texts = {"machine": MACHINE, "thanks": WELCOME, "goodbye": GOODBYE, "nothing": NO_QUESTION}
    return Answer(AnswerBand.DID_YOU_MEAN, texts.get(kind, spec.greeting or HELLO), choices=first_choices(spec))


def without_greeting(question: str) -> str:
    """ "Hi, how much is it?" asks how much it is."""
    return _LEADING_GREETING.sub("", question, count=1)


def first_choices(spec: AgentSpec) -> tuple[str, ...]:
    """What one can ask first: the suggested prompts, or else the first question of the first passages."""
    prompts = spec.prompts or tuple(variants_of(passage)[0] for passage in spec.passages)
    return prompts[:MAX_CHOICES]


def which_one(choices: Sequence[str]) -> Answer:
    return Answer(AnswerBand.DID_YOU_MEAN, WHICH_ONE, choices=tuple(choices[:MAX_CHOICES]))


def not_known(spec: AgentSpec) -> Answer:
    return Answer(AnswerBand.UNKNOWN, f"{NOT_KNOWN} {spec.handover}".strip())
