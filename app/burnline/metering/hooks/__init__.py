"""One line for each framework: LiteLLM, LangChain, the agents of OpenAI and of Claude, Pydantic AI.

A hook imports its framework when it is made and not before; Burnline depends on none of them. What is wrong with
metering is logged and counted, as of a metered client; the agent never hears of it.
"""
