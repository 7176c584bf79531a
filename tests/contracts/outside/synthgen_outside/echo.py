from synthgen.job import ModelConfig
from synthgen.records import Answer, Failure, FailureKind, Request, Usage


class EchoProvider:
    is_metered = False  # True: answers cost money, so a budget in USD needs `price:` in the job
    may_adapt = False  # True: the far side can be overloaded, so the engine feels for what it takes
    default_concurrency = 8

    def __init__(self, config: ModelConfig, *, api_key: str | None = None) -> None:
        self.endpoint = f"echo/{config.model or 'plain'}"  # shown and journalled: never the key

    async def __aenter__(self) -> "EchoProvider":
        return self  # open connections or load a model here; raise JobError where that cannot be

    async def __aexit__(self, *error: object) -> None: ...

    async def complete(self, request: Request, *, timeout_s: float) -> Answer:
        asked = request.prompt.messages[-1].content if request.prompt.messages else request.prompt.text
        text = f"{asked} ({request.params.get('seed', 0)})"
        return Answer(text, "stop", Usage(len(asked.split()), len(text.split())), "echo-1")

    def classify(self, error: Exception) -> Failure:
        is_late = isinstance(error, TimeoutError)
        kind, code = (FailureKind.TRANSIENT, "timeout") if is_late else (FailureKind.REFUSED, "echo")
        return Failure(kind, code, " ".join(str(error).split()) or type(error).__name__, is_sent=False)
