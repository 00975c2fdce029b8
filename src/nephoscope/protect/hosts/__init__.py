"""Hosts: the package of the agent, which machine an agent speaks for, and what each agent cannot see."""
