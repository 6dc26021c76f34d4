"""From a trigger to a worker and back: processes, round robin, time-outs, retries, outputs."""
