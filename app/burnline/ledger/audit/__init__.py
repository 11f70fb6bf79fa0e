"""Ledgers against the source log: what a recomputation can show, and what it cannot.

A partition is read again through `decode_batch` and `PartitionLedger.apply`, and what comes out is held against what
stands on the topics, session by session: events, tokens, USD, runs and tool calls by model, whose they are, first and
last event time, and last offset. Slices, known event ids and open anomalies are not compared: they follow from
settings, baselines and clocks of their time. An honest recomputation can still differ from what was counted. Each way
it can, and what becomes of it:

- **Workers go on writing.** A partition is compared by a cut (`cut`): every ledger holds all events of its session
  below the partition's progress, and none above its own last offset. So the log counts up to the progress, and for a
  ledger that is further on, up to that ledger's last offset. That is exact on a live system.
- **The log has lost its beginning** to retention. A ledger that holds more than the log may have begun before it: it is
  *not checkable*, and counted as such. It is checkable if its first event happened well after the oldest record that is
  left was written (`MARGIN_MS` and the clock skew allowed): events are not written so long before they happen. And
  what the log holds and the ledger does not is missing, whatever came before.
- **The source topic was made anew, and adopted.** What the ledgers held then was counted from a log that is gone: so
  the log of now has lost its beginning, as above, and a session that had events before is not checkable where more is
  counted than the log holds. Offsets in ledgers, usage rollups and dead letters of before are those of another topic;
  the progress says where their successors begin. An event of now that repeats one of before may show as missing.
- **Counted anew.** The dead letters of before stay where they are, and are passed over; all else begins with it.
- **Sessions were retired.** Without a ledger, or with one that began anew, the rest has to be in the closed rollup of
  its agent, exactly: all such rests of an agent are added up and compared with it. Where only a part of the log is
  read, the rollup must at least hold them. No session can be retired before it was idle for the setting's time by the
  clock: a younger one without a ledger is missing.
- **Rates changed.** What was charged stays charged at the rate of its time. Equal counts with other amounts are
  *charged at other rates* if a rate for the model stands, or stood, on `valuation-rates`, and no difference; else the
  amount is wrong, or Burnline came with another catalogue then.
- **Time passed.** What was refused because it lay in the future would be accepted now. The clock is therefore left out,
  and the dead letters say which offsets were refused for that; exactly these are passed over. So dead letters must be
  kept for longer than the log, as they are by default.
- **Repeats beyond the bound.** Whether an event is known that is repeated later than the duplicate settings promise,
  but before three times that, depends on when workers flushed and restarted. The recomputation may decide otherwise,
  and such a session shows as missing or doubled; so may one that repeats what the log has lost. The settings for
  duplicates must be those of the workers.
- **Usage rollups** are held against the log by agent and model, from their own beginning on; `usage` says what of them
  can be decided.
- **Another identity.** A session whose events lie on two partitions has a ledger on each; each is compared on its own.
"""
