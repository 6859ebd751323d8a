"""The digest: a message in the Inbox that says who waits in Screener, once a day or once a week."""
