/** Named layouts in ComfyUI's own store of the person's data, a JSON document each. */
import { parseLayout } from "../layout/document.js";
import { FOLDER, fileOf, nameOf } from "./names.js";

/** What the server would not do. `status`: of HTTP; 409: there is one of that name. */
export class StoreError extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

/**
 * @param {object} api ComfyUI's: listUserDataFullInfo, getUserData, moveUserData, deleteUserData, fetchApi
 * @returns {object} {list, save, rename, remove}; each throws StoreError
 */
export function savedLayouts(api) {
  return {
    /** @returns {Promise<{layouts: {name, doc}[], broken: {name, message}[]}>} in the order of their names */
    async list() {
      const files = await answered(api.listUserDataFullInfo(FOLDER));
      const read = await Promise.all(files.map(({ path }) => ({ path, name: nameOf(path) })).filter(({ name }) => name).map(one));
      read.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
      return { layouts: read.filter(({ doc }) => doc), broken: read.filter(({ doc }) => !doc) };
    },

    /** @param {string} text a layout as JSON @param {boolean} overwrite one of that name */
    async save(name, text, overwrite = false) {
      // not its storeUserData: newer pages report a name that is taken as an error of the program
      const route = `/userdata/${encodeURIComponent(fileOf(name))}?overwrite=${overwrite}&full_info=false`;
      check(await answered(api.fetchApi(route, { method: "POST", body: text })));
    },

    async rename(name, to, overwrite = false) {
      check(await answered(api.moveUserData(fileOf(name), fileOf(to), { overwrite })));
    },

    async remove(name) {
      check(await answered(api.deleteUserData(fileOf(name))));
    },
  };

  async function one({ path, name }) {
    const response = await answered(api.getUserData(`${FOLDER}/${path}`));
    if (!response.ok) return { name, message: `HTTP ${response.status}` };
    try {
      return { name, doc: parseLayout(await response.text()) };
    } catch (problem) {
      if (problem.name !== "LayoutError") throw problem;
      return { name, message: problem.message };
    }
  }
}

/** ComfyUI's functions reject where the server is gone. */
function answered(promise) {
  return promise.catch(() => Promise.reject(new StoreError(0)));
}

function check(response) {
  if (!response.ok) throw new StoreError(response.status);
}
