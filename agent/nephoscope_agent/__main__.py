"""Start the agent's command line."""

from nephoscope_agent.command_line import main

if __name__ == "__main__":
    raise SystemExit(main())
