/** An audit database that answers in a thread of its own, and says where. */
import { parentPort } from 'node:worker_threads'
import { startAuditDatabase } from '../../test/support/node/audit-database.ts'

const { address } = await startAuditDatabase()
parentPort?.postMessage(address)
