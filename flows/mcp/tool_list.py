"""The twelve tools, in the order in which they are offered; it is fixed, because clients cache the list.

Adopting a task, buying again, setting up, raising a cap and deleting are no tools: a person does that.
"""

from __future__ import annotations

from flows.mcp import clip_tools, tool_inputs, tool_outputs
from flows.mcp.board_plan import storyboard_plan
from flows.mcp.board_purchase import storyboard_submit
from flows.mcp.board_status import storyboard_status
from flows.mcp.clip_list import list_clips
from flows.mcp.harvest_tool import harvest
from flows.mcp.model_list import models
from flows.mcp.purchase import submit
from flows.mcp.tool import Tool

INSTRUCTIONS = (
    "Makes AI video clips with Alibaba's Wan models; each purchase costs real money. Choose with `models`, check and "
    "price with `quote`, show the person the price, then `submit` with a cap; a person is asked about the price. "
    "The clip's key is its handle: `wait` until it is delivered, then `result`. If a call times out or you are unsure, "
    "make the same call again: the same request is the same clip and is never paid twice. Never change a request, or "
    "raise `take`, to get around an error or a waiting clip: that is another clip, paid again. For several shots: "
    "`storyboard_plan`, `storyboard_submit`, `storyboard_status`."
)

TOOLS: tuple[Tool, ...] = (
    Tool(
        "models",
        "Models",
        "Lists the Wan models: whether they start from text or an image, lengths, sizes, sound, prices per second and "
        "where they were read.",
        tool_inputs.ModelsInput,
        tool_outputs.ModelsOutput,
        models,
        "read",
    ),
    Tool(
        "quote",
        "Check and price a clip",
        "Checks a request and says its exact price, what becomes of every field, warnings, and whether the clip is "
        "there already. Sends and buys nothing. Use it before every `submit`.",
        tool_inputs.QuoteInput,
        tool_outputs.QuoteOutput,
        clip_tools.quote,
        "read",
    ),
    Tool(
        "submit",
        "Buy a clip",
        "Buys one clip for at most max_cost, after a person agreed to its price, and returns its key within 45 "
        "seconds; the clip goes on without you. state: booked (it is made: `wait`), delivered (nothing was bought), "
        "needs_approval (show the person the command), declined, over_cap. If unsure whether it worked, call it again "
        "with the same request: the same request is the same clip. A higher `take` buys another clip; raise it only "
        "when the person asks for one.",
        tool_inputs.SubmitInput,
        tool_outputs.SubmitOutput,
        submit,
        "buy",
    ),
    Tool(
        "status",
        "Where clips stand",
        "Says where clips stand, whether they are billed, how old they are and how long they may take. Does not wait.",
        tool_inputs.StatusInput,
        tool_outputs.StatusOutput,
        clip_tools.status,
        "read",
    ),
    Tool(
        "wait",
        "Wait for a clip",
        "Waits until a clip is delivered or has failed, at most 45 seconds. timed_out is no error: call it again. A "
        "clip takes one to several minutes.",
        tool_inputs.WaitInput,
        tool_outputs.WaitOutput,
        clip_tools.wait,
        "watch",
    ),
    Tool(
        "result",
        "Fetch a clip",
        "Gives a delivered clip's link, measured length, rate, size, seed and price, and links to its poster and log; "
        "with poster=true the poster frame as a picture.",
        tool_inputs.ResultInput,
        tool_outputs.ResultOutput,
        clip_tools.result,
        "read",
    ),
    Tool(
        "cancel",
        "Cancel a clip",
        "Cancels a clip that still waits at the provider. One that runs already cannot be stopped and is billed "
        "(state abandoned). Only when the person asks for it; it cannot be taken back.",
        tool_inputs.CancelInput,
        tool_outputs.CancelOutput,
        clip_tools.cancel,
        "stop",
    ),
    Tool(
        "list",
        "List clips",
        "Lists clips of the store, open ones first, then the newest; by words of the prompt, state or date.",
        tool_inputs.ListInput,
        tool_outputs.ListOutput,
        list_clips,
        "read",
    ),
    Tool(
        "harvest",
        "Finish what was bought",
        "Finishes clips that were bought and left, nearest expiry first, and finds out about unknown ones. Buys "
        "nothing.",
        tool_inputs.HarvestInput,
        tool_outputs.HarvestOutput,
        harvest,
        "finish",
    ),
    Tool(
        "storyboard_plan",
        "Check and price a storyboard",
        "Reads a storyboard, checks and prices every shot, and says what is still to be bought and what had to be "
        "guessed. Sends and buys nothing. A refusal names what to correct, or which `answers` the person has to give.",
        tool_inputs.BoardPlanInput,
        tool_outputs.BoardPlanOutput,
        storyboard_plan,
        "read",
    ),
    Tool(
        "storyboard_submit",
        "Buy a storyboard",
        "Buys what is missing of a storyboard within max_cost and max_seconds, after a person agreed to the price, and "
        "makes film, timeline and dailies; it goes on without you. The same board again makes what is missing and pays "
        "nothing twice.",
        tool_inputs.BoardSubmitInput,
        tool_outputs.BoardSubmitOutput,
        storyboard_submit,
        "buy",
    ),
    Tool(
        "storyboard_status",
        "How far a storyboard is",
        "Says which shots of a storyboard are delivered, booked or missing and why, what was spent, and the links of "
        "film, timeline and dailies.",
        tool_inputs.BoardStatusInput,
        tool_outputs.BoardStatusOutput,
        storyboard_status,
        "read",
    ),
)
