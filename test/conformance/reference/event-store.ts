/** What was sent on a session's streams, so that a client can come back for what it missed. In memory. */

/** Fits the event stores of both SDKs, which differ in their types of messages only. */
export interface EventStore<Message> {
  storeEvent(streamId: string, message: Message): Promise<string>
  getStreamIdForEventId(eventId: string): Promise<string | undefined>
  replayEventsAfter(
    lastEventId: string,
    options: { send: (eventId: string, message: Message) => Promise<void> },
  ): Promise<string>
}

export function newEventStore<Message extends object>(): EventStore<Message> {
  const events: { readonly streamId: string; readonly message: Message }[] = []
  // An id is its place in the list, counted from one.
  const eventOf = (id: string) => events[Number(id) - 1]
  return {
    storeEvent: async (streamId, message) => {
      events.push({ streamId, message })
      return String(events.length)
    },
    getStreamIdForEventId: async (id) => eventOf(id)?.streamId,
    replayEventsAfter: async (lastEventId, { send }) => {
      const streamId = eventOf(lastEventId)?.streamId
      if (streamId === undefined) throw new Error(`no event has the id ${lastEventId}`)
      for (const [i, event] of events.entries()) {
        // What opens a stream has an id, but says nothing.
        const isEmpty = Object.keys(event.message).length === 0
        if (i >= Number(lastEventId) && event.streamId === streamId && !isEmpty) {
          await send(String(i + 1), event.message)
        }
      }
      return streamId
    },
  }
}
