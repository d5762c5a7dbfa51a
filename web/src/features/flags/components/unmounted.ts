/** For fields of which a page may have hundreds: their lists of choices are made when they open. */
export const unmounted = { keepMounted: false } as const;
