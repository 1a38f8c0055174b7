/** The parts of the protocol package that are used: protocol.ts loads them. */
export {
  classifyInboundRequest,
  createMcpHandler,
  isJsonContentType,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  readRequestBody,
  Server,
  specTypeSchemas,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
