"""The server: the SDK speaks the protocol in both eras, and each call becomes a call of one of the tools."""

from __future__ import annotations

import importlib.metadata
import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as ListedTool
from pydantic import BaseModel, ValidationError

from flows.mcp.agent_words import in_words, wrong_arguments
from flows.mcp.clip_resources import TEMPLATES, read_resource
from flows.mcp.clip_tools import answer_of_clip
from flows.mcp.price_question import STATE_LIFE_S, InputNeeded, PriceQuestions
from flows.mcp.purchase import RefusedByWorker
from flows.mcp.server_context import ServerContext
from flows.mcp.task_extension import (
    TaskParams,
    TaskUpdateParams,
    declares_tasks,
    new_task,
    require_tasks,
    task_row,
    task_state,
)
from flows.mcp.tool import CANCEL_PATIENCE_S, TASKS, Answer, Call, Tool
from flows.mcp.tool_list import INSTRUCTIONS, TOOLS
from footage.context import Context
from footage.errors import FootageError
from footage.evidence.run_log import collect_from
from footage.privacy.display import plain_json, shown
from footage.steps.cancel import cancel_clip

logger = logging.getLogger("footage.mcp")

NAME = "wan-video"
_BY_NAME = {tool.name: tool for tool in TOOLS}
# What a host lets through of one answer.
MOST_CHARS = 25_000

Request = ServerRequestContext[Any, Any]
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


def make_server(server_context: ServerContext) -> Server[dict[str, Any]]:
    """The server of tools for this context, without a transport."""
    # What is done here for a clip is in its log, as what a run does.
    collect_from("footage")
    made = _ProtocolServer(server_context)
    server = Server(
        NAME,
        version=importlib.metadata.version("wan-video"),
        title="Wan video clips",
        instructions=INSTRUCTIONS,
        on_list_tools=made.list_tools,
        # Besides the results of the core, a task.
        on_call_tool=cast("Any", made.call_tool),
        on_list_resources=made.list_resources,
        on_list_resource_templates=made.list_templates,
        on_read_resource=made.read_resource,
    )
    security = RequestStateSecurity.ephemeral(ttl=STATE_LIFE_S)
    server.middleware.append(RequestStateBoundary(security, default_audience=NAME))
    server.extensions[TASKS] = {}
    server.add_request_handler("tasks/get", TaskParams, made.get_task)
    server.add_request_handler("tasks/update", TaskUpdateParams, made.update_task)
    server.add_request_handler("tasks/cancel", TaskParams, made.cancel_task)
    return server


class _ProtocolServer:
    """The methods of the protocol that this server has."""

    def __init__(self, server_context: ServerContext) -> None:
        self._server_context = server_context
        self._questions = PriceQuestions()

    async def list_tools(self, _: Request, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[listed(tool) for tool in TOOLS])

    async def call_tool(
        self, context: Request, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult | dict[str, Any]:
        tool = _BY_NAME.get(params.name)
        if tool is None:
            known = ", ".join(_BY_NAME)
            raise MCPError(INVALID_PARAMS, f"There is no tool {shown(params.name)}. Tools: {known}.")
        call = Call(self._server_context, self._questions, context, params)
        try:
            given = read_arguments(tool.takes, params.arguments or {})
            answer = await tool.run(call, given)
        except InputNeeded as question:
            return question.result
        except FootageError as error:
            return _failure(in_words(error))
        except RefusedByWorker as error:
            return _failure(error.words)
        except MCPError:
            raise
        except Exception as error:
            from flows.cli.crash_report import report_crash

            logger.exception("Tool %s", tool.name)
            _, what = report_crash(error)
            return _failure(
                f"Unexpected: {what}\nBilled: unknown.\nNext: `status` says where a clip stands; tell the person"
            )
        if answer.task_key is not None and declares_tasks(context):
            key = answer.task_key
            return await call.in_thread(partial(self._with_store, partial(new_task, key=key)))
        return success(answer)

    async def list_resources(self, _: Request, __: PaginatedRequestParams | None) -> ListResourcesResult:
        # `list` names the clips; links come with results.
        return ListResourcesResult(resources=[])

    async def list_templates(
        self, _: Request, __: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=TEMPLATES)

    async def read_resource(self, context: Request, params: ReadResourceRequestParams) -> ReadResourceResult:
        return await self._look(context, partial(read_resource, uri=str(params.uri)))

    async def get_task(self, context: Request, params: TaskParams) -> dict[str, Any]:
        require_tasks(context)
        return await self._look(context, partial(task_state, key=params.task_id, result_of=_task_result))

    async def update_task(self, context: Request, params: TaskUpdateParams) -> dict[str, Any]:
        require_tasks(context)
        # A task of ours never asks; answers to no question are left alone, as the extension wants it.
        await self._look(context, partial(task_row, key=params.task_id))
        return {}

    async def cancel_task(self, context: Request, params: TaskParams) -> dict[str, Any]:
        require_tasks(context)

        def stop() -> None:
            with self._server_context.provider() as opened:
                row = task_row(opened, params.task_id)
                try:
                    cancel_clip(opened, row.key, by="wan-video mcp", patience_s=CANCEL_PATIENCE_S)
                except FootageError as error:
                    # The wish is kept where it could be; what became of it is in the task.
                    logger.warning("Clip %s: %s", row.key[:12], error.message)

        await self._call(context).in_thread(stop)
        return {}

    async def _look(self, context: Request, look: Callable[[Context], T]) -> T:
        try:
            return await self._call(context).in_thread(partial(self._with_store, look))
        except FootageError as error:
            raise MCPError(INVALID_PARAMS, error.message) from None

    def _call(self, context: Request) -> Call:
        return Call(self._server_context, self._questions, context, CallToolRequestParams(name=""))

    def _with_store(self, look: Callable[[Context], T]) -> T:
        with self._server_context.store() as context:
            return look(context)


def listed(tool: Tool) -> ListedTool:
    """The tool as a client lists it."""
    return ListedTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=_lean(tool.takes.model_json_schema()),
        output_schema=_lean(tool.answers.model_json_schema()),
        annotations=ToolAnnotations.model_validate({"title": tool.title, **tool.hints}),
    )


def _lean(schema: Any) -> Any:
    """A schema without the titles that pydantic makes of names: every word of it is read by a model."""
    if isinstance(schema, list):
        return [_lean(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    form = cast("dict[str, Any]", schema)
    return {
        name: {field: _lean(inner) for field, inner in value.items()}
        if name == "properties"
        else _lean(value)
        for name, value in form.items()
        if name != "title"
    }


def read_arguments(model: type[M], arguments: dict[str, Any]) -> M:
    """The arguments of a call.

    Raises:
        InvalidRequest: Names each that is wrong, with its value and what is allowed.
    """
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        raise wrong_arguments(error, model, arguments) from None


def success(answer: Answer) -> CallToolResult:
    """The answer as data, and as text for clients that do not read data."""
    document = answer.output.model_dump(mode="json")
    text = plain_json(json.dumps(document, ensure_ascii=False))
    return CallToolResult(
        content=[TextContent(text=text), *answer.beside], structured_content=json.loads(text)
    )


def _failure(words: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=words)], is_error=True)


def _task_result(context: Context, key: str) -> dict[str, Any]:
    try:
        result = success(answer_of_clip(context, key))
    except FootageError as error:
        result = _failure(in_words(error))
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)
