-- Up Migration

-- Dead letters as an operator sees them: `standing` is the state, or `decided` for an open letter whose transaction was
-- decided after the letter was written. Nobody has to do anything for it any more, and the commit, which would have to look
-- for letters with every decision, need not close it. Not so where another payload had claimed the id: deciding the true one
-- is no answer to that.
create view processor.letters as
select l.*,
       case
         when l.state = 'open' and l.code <> 'PAYLOAD_MISMATCH'
           and (select j.decided_at from processor.journal j where j.transaction_id = l.transaction_id) > l.created_at
           then 'decided'
         else l.state
       end as standing
  from processor.dead_letters l;
